import type { ElicitResult } from '@modelcontextprotocol/sdk/types.js'
import { type JsonObject, sanitizeJsonObject } from '../platform/json.ts'
import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'
import type { McpCall } from './mcp.ts'

/** A call that a server works on. */
export interface OpenCall {
  readonly userId: string
  readonly elicit: McpCall['elicit']
  /** Aborted when the call ends. */
  readonly signal: AbortSignal
  /** While a person is asked, the call's time stands still. */
  readonly pause: () => void
  readonly resume: () => void
}

interface Question {
  readonly message: string
  readonly requestedSchema: JsonObject
}

/** Questions of one server that may be open at a time. */
const maxOpen = 8
/** Questions of one call, one after the other. */
const maxAsked = 20
/** How long a server may still be at work on a call that was given up, in milliseconds. */
const lingerMs = 300_000

/**
 * Finds whose a server's question is. It names no call: it belongs to the user whose calls the server works on, where
 * that is one user alone. Where it could be another's, nobody is asked, so that nobody answers for somebody else.
 */
export class Elicitations {
  readonly #log: Log
  readonly #calls = new Set<OpenCall>()
  /** Users whose calls were given up, and until when they count. */
  readonly #lingering = new Map<string, number>()
  readonly #asked = new WeakMap<OpenCall, number>()
  #open = 0

  constructor(log: Log) {
    this.#log = log
  }

  get isIdle(): boolean {
    return this.#calls.size === 0
  }

  begin(call: OpenCall): void {
    this.#calls.add(call)
  }

  /** `isAnswered`: the server has ended it, and has nothing more to ask of it. */
  end(call: OpenCall, isAnswered: boolean): void {
    this.#calls.delete(call)
    this.#forgetOld()
    if (!isAnswered) this.#lingering.set(call.userId, Date.now() + lingerMs)
  }

  /** Answers a server's question; `cancel` where nobody can be asked. */
  async answer(question: Question, signal: AbortSignal): Promise<ElicitResult> {
    const call = this.#callOf()
    const asked = (call && this.#asked.get(call)) ?? 0
    if (!call?.elicit || this.#open >= maxOpen || asked >= maxAsked) return { action: 'cancel' }
    this.#asked.set(call, asked + 1)
    this.#open += 1
    call.pause()
    try {
      const answer = await call.elicit(
        {
          message: sanitizeText(question.message),
          requestedSchema: sanitizeJsonObject(question.requestedSchema),
        },
        AbortSignal.any([signal, call.signal]),
      )
      if (answer.action !== 'accept') return { action: answer.action }
      return { action: 'accept', content: answer.content as ElicitResult['content'] }
    } catch (error) {
      if (!call.signal.aborted && !signal.aborted) this.#log.warn({ err: error }, 'a question could not be asked')
      return { action: 'cancel' }
    } finally {
      this.#open -= 1
      call.resume()
    }
  }

  #callOf(): OpenCall | null {
    this.#forgetOld()
    const calls = [...this.#calls]
    const users = new Set([...calls.map(({ userId }) => userId), ...this.#lingering.keys()])
    if (users.size > 1) {
      this.#log.warn('it asked a question while it worked for several users: nobody can tell whose it is')
      return null
    }
    return calls.findLast(({ elicit }) => elicit !== null) ?? null
  }

  #forgetOld(): void {
    const now = Date.now()
    for (const [userId, until] of this.#lingering) if (until <= now) this.#lingering.delete(userId)
  }
}
