import { createRequire } from 'node:module'
import { parentPort } from 'node:worker_threads'
import type { Ajv, AnySchemaObject, Options, ValidateFunction } from 'ajv'
import type { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describeMisfit, lineOf } from './json-schema-problem.ts'

/** A check. Both are JSON; without a value, the schema alone is checked. */
export interface SchemaRequest {
  readonly schema: string
  readonly value: string | null
}

export type SchemaResponse = 'ready' | { readonly problem: string | null }

/** Deeper schemas are no tool's, and cost stack. */
const maxDepth = 64
/** Compiled schemas that are kept, and the sum of their lengths as JSON, in UTF-16 code units. */
const maxKept = 500
const maxKeptLength = 8_388_608

const options: Options = {
  strict: false,
  allErrors: true,
  verbose: true,
  logger: false,
  // Done before, by one instance for all schemas of a draft: compiling the draft's own schema takes longest.
  validateSchema: false,
  code: { regExp: Object.assign(createPattern, { code: 'new RegExp' }) },
}

type Kind = typeof Ajv | typeof Ajv2019 | typeof Ajv2020

/** Checks schemas against that of their draft, and makes the instances that compile them. */
class Draft {
  readonly Kind: Kind
  readonly #checker: Ajv | Ajv2019 | Ajv2020

  constructor(Kind: Kind) {
    this.Kind = Kind
    this.#checker = new Kind({ strict: false, logger: false })
  }

  problem(schema: AnySchemaObject): string | null {
    return this.#checker.validateSchema(schema) ? null : describeMisfit(this.#checker.errors ?? [])
  }
}

const require = createRequire(import.meta.url)
const newest = new Draft(Ajv2020)
// Most schemas are of the newest draft, and the thread starts sooner without the others.
const draft2019 = lazily(() => new Draft(require('ajv/dist/2019').Ajv2019))
const draft07 = lazily(() => new Draft(require('ajv').Ajv))

function lazily<Value>(make: () => Value): () => Value {
  let made: Value | undefined
  return () => (made ??= make())
}

/** Patterns are meant to be Unicode's, but many are written that are JavaScript's only without it, such as `[\w-.]`. */
function createPattern(pattern: string, flags: string): RegExp {
  try {
    return new RegExp(pattern, flags)
  } catch {
    return new RegExp(pattern, flags.replace('u', ''))
  }
}

type Compiled = { readonly validate: ValidateFunction } | { readonly problem: string }

const kept = new Map<string, Compiled>()
let keptLength = 0

function compiledOf(text: string): Compiled {
  const known = kept.get(text)
  if (known) {
    // The newest stand last.
    kept.delete(text)
    kept.set(text, known)
    return known
  }
  const compiled = compile(text)
  kept.set(text, compiled)
  keptLength += text.length
  for (const oldest of kept.keys()) {
    if (kept.size <= maxKept && keptLength <= maxKeptLength) break
    kept.delete(oldest)
    keptLength -= oldest.length
  }
  return compiled
}

/** With an instance of its own: schemas that name themselves alike must not meet. */
function compile(text: string): Compiled {
  try {
    const schema: AnySchemaObject = JSON.parse(text)
    if (isDeeperThan(schema, maxDepth)) return { problem: `The schema is nested more than ${maxDepth} deep.` }
    const draft = draftOf(schema)
    const { $schema: _, ...rest } = schema
    const problem = draft.problem(rest)
    if (problem !== null) return { problem: `The schema is no JSON Schema: ${problem}` }
    const ajv = new draft.Kind(options)
    addFormats.default(ajv)
    return { validate: ajv.compile(rest) }
  } catch (error) {
    return { problem: `The schema cannot be used: ${lineOf(error instanceof Error ? error.message : String(error))}.` }
  }
}

function draftOf({ $schema }: AnySchemaObject): Draft {
  const named = typeof $schema === 'string' ? $schema : ''
  if (/\/draft-0[4-7]\//.test(named)) return draft07()
  return named.includes('2019-09') ? draft2019() : newest
}

function isDeeperThan(value: unknown, depth: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return depth === 0 || Object.values(value).some((member) => isDeeperThan(member, depth - 1))
}

function check({ schema, value }: SchemaRequest): string | null {
  const compiled = compiledOf(schema)
  if ('problem' in compiled) return compiled.problem
  if (value === null) return null
  try {
    return compiled.validate(JSON.parse(value)) ? null : describeMisfit(compiled.validate.errors ?? [])
  } catch (error) {
    return `It cannot be checked: ${lineOf(error instanceof Error ? error.message : String(error))}.`
  }
}

if (parentPort === null) throw new Error('json-schema-worker.ts runs as a worker thread only')
const port = parentPort
port.on('message', (request: SchemaRequest) => port.postMessage({ problem: check(request) }))
// Compiles the draft that most schemas are of.
newest.problem({ type: 'object' })
port.postMessage('ready')
