import { type ExecProtocolOptionsStream, PGlite, type PGliteOptions } from '@electric-sql/pglite'

/**
 * PGlite as the socket server needs it to be: the server gives one session to many connections, and keeps it with one
 * of them for as long as `isInTransaction` is true. PGlite's own answer is false between the messages of one extended
 * query (Parse, Bind, Describe, Execute, until Sync), where another connection's message would replace the unnamed
 * statement, or be swallowed after an error. Here such a sequence counts as a transaction.
 */
export class SharedPGlite extends PGlite {
  #midSequence = false

  /**
   * `onCrash` hears, in the call that it happens in, of what the engine did not survive. It must not return: PGlite
   * passes over such exceptions, goes on with an engine in an undefined state, and may never come back.
   */
  static async start(options: PGliteOptions, onCrash: (error: unknown) => never): Promise<SharedPGlite> {
    const postgres = new SharedPGlite(options)
    await postgres.waitReady
    const engine = postgres.Module
    const runOnce = engine._PostgresMainLoopOnce
    engine._PostgresMainLoopOnce = () => {
      try {
        runOnce()
      } catch (error) {
        // An error that Postgres handles, by going back to its main loop, comes as an exit with this status.
        const handled = typeof error === 'object' && error !== null && 'status' in error && error.status === 100
        if (!handled) onCrash(error)
        throw error
      }
    }
    return postgres
  }

  override isInTransaction(): boolean {
    return this.#midSequence || super.isInTransaction()
  }

  override async execProtocolRawStream(message: Uint8Array, options: ExecProtocolOptionsStream): Promise<void> {
    await super.execProtocolRawStream(message, options)
    this.#midSequence = sequenceTypes.has(String.fromCharCode(message[0] ?? 0))
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
