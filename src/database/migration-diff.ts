import type { DiffTarget } from '@prisma/schema-engine-wasm/schema_engine_bg'
import { connectionToSocket } from './connection.ts'
import { startEmbeddedPostgres } from './embedded.ts'
import { connectForIntrospection } from './introspection.ts'
import { type Migration, toMigrationList } from './migration-files.ts'
import { createSchemaEngine } from './schema-engine.ts'

/** schema.prisma: where it is and what it says. */
export interface SchemaFile {
  path: string
  content: string
}

/** Compares migrations with a schema, on an embedded database in memory. */
export interface MigrationDiff extends AsyncDisposable {
  /** The SQL that leads from what `migrations` make to `schema`; undefined where they agree. */
  up(migrations: readonly Migration[], schema: SchemaFile): Promise<string | undefined>
  /** The SQL that leads back. */
  down(migrations: readonly Migration[], schema: SchemaFile): Promise<string | undefined>
}

export async function openMigrationDiff(): Promise<MigrationDiff> {
  await using resources = new AsyncDisposableStack()
  const embedded = await startEmbeddedPostgres({
    maxConnections: 10,
    onOutput: () => {},
    onCrash: (error) => {
      throw error
    },
  })
  resources.use(embedded)
  const connect = () => connectForIntrospection(connectionToSocket(embedded.socketDirectory))
  const connectToShadow = async () => {
    const adapter = await connect()
    await adapter.executeScript('DROP SCHEMA public CASCADE; CREATE SCHEMA public')
    return adapter
  }
  const engine = await createSchemaEngine({ connect, connectToShadow })
  resources.defer(() => engine.free())

  async function diff(migrations: readonly Migration[], schema: SchemaFile, reversed: boolean) {
    const old: DiffTarget =
      migrations.length === 0 ? { tag: 'empty' } : { tag: 'migrations', ...toMigrationList(migrations) }
    const wanted: DiffTarget = { tag: 'schemaDatamodel', files: [schema] }
    const { stdout, exitCode } = await engine.diff({
      from: reversed ? wanted : old,
      to: reversed ? old : wanted,
      script: true,
      exitCode: true,
      filters: { externalTables: [], externalEnums: [] },
    })
    // 2 says that there is a difference.
    return exitCode === 2 && stdout !== null ? adjustMigration(stdout) : undefined
  }

  const held = resources.move()
  return {
    up: (migrations, schema) => diff(migrations, schema, false),
    down: (migrations, schema) => diff(migrations, schema, true),
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}

/**
 * What Parley wants otherwise than the engine writes it; the engine's comparison sees none of it.
 *
 * - Ids are ordered as bytes, whatever the database's locale: every text column named `id`, `revision` or `…Id` is
 *   COLLATE "C". The ones that refer to ids as well, since Postgres compares no columns of unlike collations.
 * - The engine puts BEGIN and COMMIT around changes of enums, which would end the transaction that a migration runs in.
 * - It creates the schema "public", which takes a right on the database even where the schema is there, and names it in
 *   some statements only.
 */
export function adjustMigration(sql: string): string {
  return sql
    .replaceAll(/^(.*"(?:id|revision|\w+Id)" (?:SET DATA TYPE )?TEXT)\b(?! COLLATE|\[)/gm, '$1 COLLATE "C"')
    .replaceAll(/^(?:BEGIN|COMMIT);\n/gm, '')
    .replace('-- CreateSchema\nCREATE SCHEMA IF NOT EXISTS "public";\n\n', '')
    .replaceAll('"public".', '')
}
