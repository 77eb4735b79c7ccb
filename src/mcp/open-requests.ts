import type { RequestId } from '@modelcontextprotocol/sdk/types.js'

/** How long a server has to end by itself what it has answered, so that its connection can be used again. */
const graceMs = 1_000

/** The requests whose exchange with a server is not over: each can be let go of, whatever the server does. */
export class OpenRequests {
  readonly #open = new Map<RequestId, AbortController>()

  /** Returns what is aborted where the request is let go of. */
  begin(id: RequestId): AbortSignal {
    const letGo = new AbortController()
    this.#open.set(id, letGo)
    return letGo.signal
  }

  end(id: RequestId): void {
    this.#open.delete(id)
  }

  letGo(id: RequestId): void {
    this.#open.get(id)?.abort()
  }

  /** Its answer has come, perhaps by another way than its own. */
  letGoSoon(id: RequestId): void {
    const letGo = this.#open.get(id)
    if (letGo) setTimeout(() => letGo.abort(), graceMs).unref()
  }
}
