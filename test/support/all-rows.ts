import type pg from 'pg'

/** Columns that change by themselves while a run is going, or with each use of a token. */
const restless: readonly string[] = ['leaseUntil', 'lastUsedAt']

/** All rows of all tables as text, by table, in an order of their own. */
export async function allRows(rows: pg.Client): Promise<Readonly<Record<string, readonly string[]>>> {
  const tables: Record<string, readonly string[]> = {}
  for (const table of await tableNames(rows)) {
    const { rows: found } = await rows.query<{ row: string }>(
      `SELECT (to_jsonb(t) - $1::text[])::text AS row FROM "${table}" t ORDER BY 1`,
      [restless],
    )
    tables[table] = found.map(({ row }) => row)
  }
  return tables
}

/** The id of every row of a user, theirs first, whatever the table. */
export async function idsOfUser(rows: pg.Client, userId: string): Promise<readonly string[]> {
  const ids = [userId]
  for (const table of await tableNames(rows)) {
    const { rows: found } = await rows.query<{ row: Record<string, unknown> }>(
      `SELECT to_jsonb(t) AS row FROM "${table}" t WHERE $1 IN (to_jsonb(t)->>'ownerId', to_jsonb(t)->>'userId') ORDER BY 1`,
      [userId],
    )
    for (const { row } of found) if (typeof row.id === 'string') ids.push(row.id)
  }
  return ids
}

async function tableNames(rows: pg.Client): Promise<readonly string[]> {
  const { rows: found } = await rows.query<{ name: string }>(
    `SELECT tablename AS name FROM pg_tables WHERE schemaname = current_schema() AND tablename <> '_prisma_migrations' ORDER BY 1`,
  )
  return found.map(({ name }) => name)
}
