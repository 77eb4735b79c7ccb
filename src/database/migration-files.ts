import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { MigrationList } from './schema-engine.ts'

/** One directory of prisma/migrations. */
export interface Migration {
  /** Such as `20251121060000_init`: names sort in the order in which they are applied. */
  readonly name: string
  /** migration.sql */
  readonly up: string
  /** down.sql, which undoes it. */
  readonly down: string
  /** As Prisma computes and stores it. */
  readonly checksum: string
}

export const migrationsDirectory = fileURLToPath(new URL('../../prisma/migrations', import.meta.url))
export const lockfileName = 'migration_lock.toml'

/** All migrations that this version has, oldest first. */
export async function readMigrations(directory = migrationsDirectory): Promise<Migration[]> {
  if (!existsSync(directory)) return []
  const entries = await readdir(directory, { withFileTypes: true })
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name)
  return Promise.all(
    names.toSorted().map(async (name) => {
      const up = await readFile(join(directory, name, 'migration.sql'), 'utf8')
      const down = await readFile(join(directory, name, 'down.sql'), 'utf8')
      return { name, up, down, checksum: createHash('sha256').update(up).digest('hex') }
    }),
  )
}

/** The migrations as the schema engine wants them. */
export function toMigrationList(migrations: readonly Migration[]): MigrationList {
  return {
    baseDir: migrationsDirectory,
    lockfile: { path: lockfileName, content: lockfileContent },
    shadowDbInitScript: '',
    migrationDirectories: migrations.map(({ name, up }) => ({
      path: name,
      migrationFile: { path: 'migration.sql', content: { tag: 'ok', value: up } },
    })),
  }
}

export const lockfileContent = 'provider = "postgresql"\n'
