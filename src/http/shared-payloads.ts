/** A payload as JSON, or the promise of it. */
export type Payload = string | Promise<string>

/** How many of an audience's newest events are held with their payloads, for its members that are a little behind. */
const held = 16

/**
 * Subscribers whose operations give the same payloads for the same events: each payload is made once for all of them.
 * With one member nothing is held.
 */
export class Audience {
  #members = 0
  readonly #payloads = new Map<object, Payload>()

  payload(event: object, make: () => Payload): Payload {
    if (this.#members < 2) return make()
    const known = this.#payloads.get(event)
    if (known !== undefined) return known
    const made = make()
    this.#payloads.set(event, made)
    if (this.#payloads.size > held) {
      const [oldest] = this.#payloads.keys()
      if (oldest) this.#payloads.delete(oldest)
    }
    return made
  }

  join(): void {
    this.#members += 1
  }

  /** Returns how many are left. */
  leave(): number {
    this.#members -= 1
    if (this.#members < 2) this.#payloads.clear()
    return this.#members
  }
}

/** The audiences of a server, by what makes payloads equal. */
export class Audiences {
  readonly #byKey = new Map<string, Audience>()

  /** The audience of a key, joined, and the function that leaves it. */
  join(key: string): [audience: Audience, leave: () => void] {
    const audience = this.#byKey.get(key) ?? new Audience()
    this.#byKey.set(key, audience)
    audience.join()
    return [
      audience,
      () => {
        if (audience.leave() === 0) this.#byKey.delete(key)
      },
    ]
  }
}
