/**
 * Writes migrations, and checks that they lead to prisma/schema.prisma:
 *
 *   node scripts/migration.ts NAME     a new migration, from what schema.prisma has more than the migrations
 *   node scripts/migration.ts --init   all migrations thrown away and one `init` written: for the time before a release
 *   node scripts/migration.ts --check  exits with 1 and prints the difference where the two do not agree
 *
 * What is written may be edited before it is committed; down.sql must stay what undoes migration.sql.
 */
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { openMigrationDiff } from '../src/database/migration-diff.ts'
import {
  lockfileContent,
  lockfileName,
  type Migration,
  migrationsDirectory,
  readMigrations,
} from '../src/database/migration-files.ts'

const schemaPath = fileURLToPath(new URL('../prisma/schema.prisma', import.meta.url))

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { check: { type: 'boolean', default: false }, init: { type: 'boolean', default: false } },
  })
  const schema = { path: schemaPath, content: await readFile(schemaPath, 'utf8') }
  await using diff = await openMigrationDiff()
  const migrations = await readMigrations()

  if (values.check) {
    const difference = await diff.up(migrations, schema)
    if (difference === undefined) return say('The migrations and schema.prisma agree.')
    return complain(
      `The migrations lack this of schema.prisma; write it with "node scripts/migration.ts NAME":\n\n${difference}`,
    )
  }
  const name = values.init ? 'init' : positionals[0]
  if (name === undefined || positionals.length > (values.init ? 0 : 1) || !/^[a-z][a-z0-9_]*$/.test(name)) {
    return complain('Usage: node scripts/migration.ts NAME | --init | --check (NAME in lower case, with underscores)')
  }
  const before = values.init ? [] : migrations
  const up = await diff.up(before, schema)
  const down = await diff.down(before, schema)
  if (up === undefined || down === undefined) return complain('Nothing to do: the migrations and schema.prisma agree.')
  const directory = join(migrationsDirectory, values.init ? initName(migrations) : `${timestamp()}_${name}`)
  if (values.init) await rm(migrationsDirectory, { recursive: true, force: true })
  await mkdir(directory, { recursive: true })
  await writeFile(join(migrationsDirectory, lockfileName), lockfileContent)
  await writeFile(join(directory, 'migration.sql'), up)
  await writeFile(join(directory, 'down.sql'), down)
  return say(`Wrote ${directory}`)
}

/** An `init` that is there keeps its name. */
function initName([first]: readonly Migration[]): string {
  return first?.name.endsWith('_init') ? first.name : `${timestamp()}_init`
}

/** In UTC, down to the second: 20251121060000. */
function timestamp(): string {
  return new Date().toISOString().replace(/\D/g, '').slice(0, 14)
}

function say(text: string): number {
  process.stdout.write(`${text}\n`)
  return 0
}

function complain(text: string): number {
  process.stderr.write(`${text}\n`)
  return 1
}

process.exitCode = await main()
