import pg from 'pg'
import { connectionTo, connectionToSocket } from '../../src/database/connection.ts'
import type { TestDatabase } from './database.ts'

/** A connection of the test's own to the database of a server that runs. */
export async function connectToRows({ url, dataDir }: TestDatabase): Promise<pg.Client & AsyncDisposable> {
  const client = new pg.Client(url === undefined ? connectionToSocket(dataDir) : connectionTo(url))
  await client.connect()
  return Object.assign(client, { [Symbol.asyncDispose]: () => client.end() })
}
