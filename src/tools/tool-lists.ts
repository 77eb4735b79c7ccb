import type { Log } from '../platform/log.ts'
import { orAborted } from '../platform/waiting.ts'
import type { Tool, ToolCaller, ToolListing, ToolSource } from './tool.ts'

/** How long a source is waited for where one of its tools is, in milliseconds. */
const neededLimitMs = 65_000
/** Users whose last list of a source is kept. */
const maxUsers = 1_000

/** Tools of one source, as it last gave them to each user: they stand in where it fails, or takes too long. */
export class ToolLists {
  readonly #source: ToolSource
  readonly #limitMs: number
  readonly #log: Log
  readonly #last = new Map<string, readonly Tool[]>()
  #isFailing = false

  constructor(source: ToolSource, { limitMs, log }: { readonly limitMs: number; readonly log: Log }) {
    this.#source = source
    this.#limitMs = limitMs
    this.#log = log
  }

  /** What it gave the caller last; undefined where that was never. */
  last({ viewer }: ToolCaller): readonly Tool[] | undefined {
    return this.#last.get(viewer.id)
  }

  /** See `ToolSource.absence`. */
  absence(caller: ToolCaller, name: string): string | null {
    return this.#source.absence?.(caller, name) ?? null
  }

  /** Throws the signal's reason, and nothing else. */
  async list(caller: ToolCaller, listing: ToolListing, signal: AbortSignal): Promise<readonly Tool[]> {
    signal.throwIfAborted()
    const limit = new AbortController()
    const limitMs = listing.needed === undefined ? this.#limitMs : neededLimitMs
    const timer = setTimeout(() => limit.abort(new Error(`the list took longer than ${limitMs} ms`)), limitMs)
    const limited = AbortSignal.any([signal, limit.signal])
    try {
      const tools = await orAborted(this.#source.tools(caller, listing, limited), limited)
      this.#keep(caller, tools)
      this.#isFailing = false
      return tools
    } catch (error) {
      signal.throwIfAborted()
      if (!this.#isFailing) this.#log.warn({ err: error }, 'tools could not be listed; the last list is used')
      this.#isFailing = true
      return this.last(caller) ?? []
    } finally {
      clearTimeout(timer)
    }
  }

  #keep({ viewer }: ToolCaller, tools: readonly Tool[]): void {
    this.#last.delete(viewer.id)
    this.#last.set(viewer.id, tools)
    if (this.#last.size <= maxUsers) return
    const [oldest] = this.#last.keys()
    if (oldest !== undefined) this.#last.delete(oldest)
  }
}
