/**
 * A process for tests to race and to kill. It is told by its argument what to do, says `ready` on stdout when it has
 * done so, or an error's name and message in one line of JSON, and then stays until it is killed or its stdin ends.
 */
import { text } from 'node:stream/consumers'
import { type DatabaseConfig, openDatabase } from '../../src/database/database.ts'
import { lockDirectory } from '../../src/database/directory-lock.ts'
import { applyMigrations } from '../../src/database/migrations.ts'
import { newId } from '../../src/platform/ids.ts'
import { silentLog } from './database.ts'

export type Task =
  | { do: 'lock'; directory: string }
  | { do: 'migrate'; dataDir: string; config: DatabaseConfig }
  /** After `ready`, prints the id of each user that it has stored, without end. */
  | { do: 'insert'; dataDir: string; config: DatabaseConfig }

export type Report = { ready: true } | { stored: string } | { error: string; message: string }

const report = (line: Report) => process.stdout.write(`${JSON.stringify(line)}\n`)

async function main(task: Task): Promise<void> {
  if (task.do === 'lock') {
    using _lock = await lockDirectory(task.directory)
    report({ ready: true })
    await text(process.stdin)
    return
  }
  const { dataDir, config } = task
  await using database = await openDatabase({ config, dataDir, log: silentLog })
  await applyMigrations(database, { log: silentLog }, new AbortController().signal)
  report({ ready: true })
  while (task.do === 'insert') {
    const id = newId('user')
    await database.client.user.create({ data: { id, subject: id, role: 'USER' } })
    report({ stored: id })
  }
  await text(process.stdin)
}

try {
  await main(JSON.parse(process.argv[2] ?? '') as Task)
} catch (error) {
  const { name, message } = error instanceof Error ? error : new Error(String(error))
  report({ error: name, message })
}
