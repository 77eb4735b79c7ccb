import { messageOf } from './errors.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { SchemaThread, type SchemaThreadLimits } from './json-schema-thread.ts'
import type { Log } from './log.ts'

/**
 * Checks values against JSON Schemas of anybody's making: draft 2020-12 or, where `$schema` says so, 2019-09 or draft-07
 * and older. It happens in a thread of its own with a time limit, so that no schema, pattern or value can hold up anything
 * but a check of itself. References to other documents are not followed.
 */
export interface JsonSchemas extends AsyncDisposable {
  /**
   * What is wrong with the value, as one line for people and models that names the fields and what they take; null where
   * it fits. A schema that is none, is too large or takes too long is such a problem too. Throws the signal's reason.
   */
  check(schema: JsonObject, value: JsonValue, signal: AbortSignal): Promise<string | null>
  /** What is wrong with the schema itself, as such a line; null where it can be used. Throws the signal's reason. */
  checkSchema(schema: JsonObject, signal: AbortSignal): Promise<string | null>
  /** Starts the thread, so that the first check does not wait for it. */
  warm(): void
}

export interface JsonSchemasOptions extends Partial<SchemaThreadLimits> {
  readonly log: Log
  /** Of a schema as JSON, in UTF-16 code units. */
  readonly maxSchemaLength?: number
  /** Of a value as JSON, in UTF-16 code units. */
  readonly maxValueLength?: number
}

export function createJsonSchemas({
  log,
  limitMs = 300,
  maxWaiting = 1_000,
  maxMemoryMb = 128,
  maxSchemaLength = 262_144,
  maxValueLength = 8_388_608,
}: JsonSchemasOptions): JsonSchemas {
  const limits = { limitMs, maxWaiting, maxMemoryMb }
  const thread = new SchemaThread(limits, log)
  // Whatever exceeded a limit once waits for its like from then on, and others no longer for it.
  const slowThread = new SchemaThread(limits, log)
  const slow = new BoundedSet(1_000)
  const texts = new WeakMap<JsonObject, string | null>()

  function textOf(schema: JsonObject): string | null {
    let text = texts.get(schema)
    if (text === undefined) {
      text = boundedText(schema, maxSchemaLength)
      texts.set(schema, text)
    }
    return text
  }

  async function ask(schema: JsonObject, value: string | null, signal: AbortSignal): Promise<string | null> {
    const text = textOf(schema)
    if (text === null) return `The schema is larger than ${maxSchemaLength} characters, or nested too deep.`
    const answer = await (slow.has(text) ? slowThread : thread).ask({ schema: text, value }, signal)
    if (answer.isTooSlow) slow.add(text)
    return answer.problem
  }

  return {
    async check(schema, value, signal) {
      signal.throwIfAborted()
      const text = boundedText(value, maxValueLength)
      if (text === null) return `It is larger than ${maxValueLength} characters of JSON, or nested too deep.`
      return await ask(schema, text, signal)
    },
    async checkSchema(schema, signal) {
      signal.throwIfAborted()
      return await ask(schema, null, signal)
    },
    warm: () => thread.warm(),
    async [Symbol.asyncDispose]() {
      await Promise.all([thread[Symbol.asyncDispose](), slowThread[Symbol.asyncDispose]()])
    },
  }
}

/** Null where it is too long, or too deep for this thread's stack. */
function boundedText(value: JsonValue, maxLength: number): string | null {
  try {
    const text = JSON.stringify(value)
    return text.length > maxLength ? null : text
  } catch (error) {
    if (error instanceof RangeError) return null
    throw new Error(`not JSON: ${messageOf(error)}`, { cause: error })
  }
}

/** Forgets what was added first. */
class BoundedSet {
  readonly #members = new Set<string>()
  readonly #size: number

  constructor(size: number) {
    this.#size = size
  }

  has(member: string): boolean {
    return this.#members.has(member)
  }

  add(member: string): void {
    this.#members.add(member)
    if (this.#members.size <= this.#size) return
    for (const oldest of this.#members) {
      this.#members.delete(oldest)
      return
    }
  }
}
