import { type Document, isMap, isNode, isScalar, LineCounter, parseDocument } from 'yaml'
import { z } from 'zod'
import type { Reading, Setting, Variables } from './layer.ts'
import { nearest } from './nearest.ts'
import { entriesOf, formatPath, isMapping, type Path } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import { configSchema } from './schema.ts'
import { metadataOf, schemasAlong, unwrap, wordsFor } from './schema-walk.ts'
import { describeSource, exampleAt, type Source } from './source.ts'

export interface FileReading extends Reading {
  /** The variables that the file refers to. */
  readonly referenced: ReadonlySet<string>
}

/**
 * Reads YAML, and fills each `${VARIABLE}` in its texts from the variables; `$${` stands for `${`. `name` is the file's
 * name in problems. A key without a value counts as left out, unless null means something there.
 */
export function fromFile(content: string, name: string, variables: Variables): FileReading {
  const lines = new LineCounter()
  const document = parseDocument(content, { lineCounter: lines, prettyErrors: false })
  const referenced = new Set<string>()
  const layer = new Map<string, Setting>()

  const [error] = document.errors
  if (error !== undefined) {
    // The parser's own message can quote the file, secrets included.
    const source: Source = { kind: 'file', file: name, line: lines.linePos(error.pos[0]).line }
    const message = `no valid YAML: ${error.code.toLowerCase().replaceAll('_', ' ')}`
    return {
      layer,
      referenced,
      problems: [{ key: name, source: describeSource(source), message, example: 'port: 4000' }],
    }
  }

  const sourceOf = (path: Path): Source => ({ kind: 'file', file: name, line: lineOf(document, lines, path) })
  const problems: ConfigProblem[] = []

  function readSection(section: z.ZodObject, value: unknown, path: Path): void {
    for (const [key, entry] of entriesOf(value)) {
      const at = [...path, key]
      const schema = Object.hasOwn(section.shape, key) ? section.shape[key] : undefined
      if (schema === undefined) {
        problems.push(unknownKey(section, at, sourceOf(at)))
        continue
      }
      const inner = unwrap(schema)
      if (entry === null && !(inner instanceof z.ZodObject) && schema.safeParse(null).success) {
        layer.set(formatPath(at), { value: null, source: sourceOf(at) })
      } else if (entry === null) {
      } else if (!(inner instanceof z.ZodObject)) {
        const filled = fill(entry, at)
        layer.set(formatPath(at), { value: filled, source: sourceOf(at), sourceOf })
      } else if (isMapping(entry)) {
        readSection(inner, entry, at)
      } else {
        problems.push(problemAt(at, `expected ${wordsFor(inner)}`, exampleOf(inner)))
      }
    }
  }

  function fill(value: unknown, path: Path): unknown {
    if (typeof value === 'string') return fillText(value, path)
    if (Array.isArray(value)) return value.map((entry, index) => fill(entry, [...path, index]))
    if (!isMapping(value)) return value
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, fill(entry, [...path, key])]))
  }

  function fillText(text: string, path: Path): string {
    return text.replaceAll(/\$\$\{|\$\{([^}]*)\}?/g, (written: string, variable: string | undefined) => {
      if (variable === undefined) return '${'
      if (!/^[A-Za-z_]\w*$/.test(variable) || !written.endsWith('}')) {
        problems.push(problemAt(path, `expected a variable's name in \${…}; a plain \${ is written $\${`, `\${HOME}`))
        return ''
      }
      referenced.add(variable)
      const value = variables[variable]
      if (value === undefined) {
        const message = `the environment variable ${variable}, which this refers to, is not set`
        problems.push({ ...problemAt(path, message, undefined), example: `${variable}=…` })
      }
      return value ?? ''
    })
  }

  function problemAt(path: Path, message: string, example: unknown): ConfigProblem {
    const source = sourceOf(path)
    return { key: formatPath(path), source: describeSource(source), message, example: exampleAt(source, path, example) }
  }

  const root = toPlain(document)
  if (root === unreadable || (root !== null && root !== undefined && !isMapping(root))) {
    const message = 'expected a mapping of keys to values'
    return { layer, referenced, problems: [{ key: name, source: name, message, example: 'port: 4000' }] }
  }
  readSection(configSchema, root, [])
  return { layer, problems, referenced }
}

/** The key that was probably meant, of those that a section or a provider knows. */
export function unknownKey(section: z.ZodObject, path: Path, source: Source): ConfigProblem {
  const close = nearest(String(path.at(-1)), Object.keys(section.shape))
  const meant = close === undefined ? undefined : [...path.slice(0, -1), close]
  const schema = meant === undefined ? undefined : schemasAlong(section, meant.slice(-1))[1]
  return {
    key: formatPath(path),
    source: describeSource(source),
    message: meant === undefined ? 'unknown key' : `unknown key; did you mean ${formatPath(meant)}?`,
    example: meant === undefined || schema === undefined ? '' : exampleAt(source, meant, exampleOf(schema)),
  }
}

/** The schema's example, else its default; for a section, its first key's. */
export function exampleOf(schema: z.core.$ZodType): unknown {
  const { example } = metadataOf(schema)
  if (example !== undefined) return example
  if (schema instanceof z.ZodDefault) return schema.def.defaultValue
  const inner = unwrap(schema)
  if (!(inner instanceof z.ZodObject)) return undefined
  const [first] = Object.entries(inner.shape)
  return first === undefined ? undefined : { [first[0]]: exampleOf(first[1]) }
}

const unreadable = Symbol('unreadable')

function toPlain(document: Document.Parsed): unknown {
  try {
    return document.toJS()
  } catch {
    // Aliases without an anchor, or too many of them.
    return unreadable
  }
}

/** The line where the path's key stands, or the nearest thing around it. */
export function lineOf(document: Document.Parsed, lines: LineCounter, path: Path): number | undefined {
  for (let length = path.length; length > 0; length--) {
    const around = length === 1 ? document.contents : document.getIn(path.slice(0, length - 1), true)
    const key = isMap(around)
      ? around.items.find((pair) => isScalar(pair.key) && pair.key.value === path[length - 1])?.key
      : null
    const node = key ?? document.getIn(path.slice(0, length), true)
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line
  }
  return undefined
}
