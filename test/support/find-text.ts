import type pg from 'pg'

/**
 * The tables, and where one has several rows their number, in which a text stands in any column of any type; those of
 * Prisma's history of migrations left out.
 */
export async function findText(client: pg.Client, text: string): Promise<Record<string, number>> {
  const { rows: tables } = await client.query<{ name: string }>(
    `SELECT table_name AS name FROM information_schema.tables
     WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name NOT LIKE '\\_%' ORDER BY 1`,
  )
  const found: Record<string, number> = {}
  for (const { name } of tables) {
    const { rows } = await client.query<{ count: number }>(
      `SELECT count(*)::int AS count FROM "${name}" row WHERE strpos(row::text, $1) > 0`,
      [text],
    )
    if (rows[0] && rows[0].count > 0) found[name] = rows[0].count
  }
  return found
}
