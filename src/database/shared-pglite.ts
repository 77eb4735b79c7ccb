import { type ExecProtocolOptionsStream, PGlite, type PGliteOptions } from '@electric-sql/pglite'

/**
 * PGlite as the socket server needs it to be: the server gives one session to many connections, and keeps it with one
 * of them for as long as `isInTransaction` is true. PGlite's own answer is false between the messages of one extended
 * query (Parse, Bind, Describe, Execute, until Sync), where another connection's message would replace the unnamed
 * statement, or be swallowed after an error. Here such a sequence counts as a transaction.
 */
export class SharedPGlite extends PGlite {
  #midSequence = false
  readonly #onCrash: (error: unknown) => void

  /** `onCrash` hears of what the engine throws: a query's error is an answer, and is not thrown. */
  constructor(options: PGliteOptions, onCrash: (error: unknown) => void) {
    super(options)
    this.#onCrash = onCrash
  }

  override isInTransaction(): boolean {
    return this.#midSequence || super.isInTransaction()
  }

  override async execProtocolRawStream(message: Uint8Array, options: ExecProtocolOptionsStream): Promise<void> {
    try {
      await super.execProtocolRawStream(message, options)
      this.#midSequence = sequenceTypes.has(String.fromCharCode(message[0] ?? 0))
    } catch (error) {
      // The server's queue stands still after this, and so would everyone who waits in it.
      this.#onCrash(error)
      throw error
    }
  }

  /**
   * The server calls this to roll back what a lost connection left open. After an error inside a sequence Postgres
   * skips everything up to a Sync, so that comes first.
   */
  async rollback(): Promise<void> {
    await this.runExclusive(() => super.execProtocolRawStream(syncMessage, { onRawData: () => {} }))
    this.#midSequence = false
    await super.exec('ROLLBACK')
  }

  override exec(...[query, options]: Parameters<PGlite['exec']>): ReturnType<PGlite['exec']> {
    if (query !== 'ROLLBACK') return super.exec(query, options)
    return this.rollback().then(() => [])
  }
}

/** Parse, Bind, Describe, Execute, Close, Flush: https://www.postgresql.org/docs/current/protocol-message-formats.html */
const sequenceTypes: ReadonlySet<string> = new Set(['P', 'B', 'D', 'E', 'C', 'H'])

const syncMessage = Uint8Array.of('S'.charCodeAt(0), 0, 0, 0, 4)
