import { PrismaPg } from '@prisma/adapter-pg'
import { type ColumnType, ColumnTypeEnum, type SqlDriverAdapter, type SqlQuery } from '@prisma/driver-adapter-utils'
import pg from 'pg'

/** The types "char", which PostgreSQL's catalogs have, and text: on the wire they look alike. */
const charOid = 18
const textOid = 25

/**
 * A connection through which the schema engine can read a database's structure. Prisma's adapter refuses columns of
 * the type "char", and the engine asks for some: here they pass the adapter as text, and are called characters again.
 */
export async function connectForIntrospection(connection: pg.PoolConfig): Promise<SqlDriverAdapter> {
  const pool = new pg.Pool({ ...connection, max: 1 })
  const charColumns = new WeakMap<readonly unknown[], readonly number[]>()

  const query = pool.query.bind(pool)
  const queryWithCharAsText = async (config: pg.QueryArrayConfig) => {
    const result = await query(config)
    // A script of many statements has an array of results here, and no fields.
    const columns = (result.fields ?? []).flatMap((field, index) => (field.dataTypeID === charOid ? [index] : []))
    for (const index of columns) Object.assign(result.fields[index] ?? {}, { dataTypeID: textOid })
    if (columns.length > 0) charColumns.set(result.rows, columns)
    return result
  }
  pool.query = queryWithCharAsText as typeof pool.query

  const adapter = await new PrismaPg(pool, { disposeExternalPool: true }).connect()
  const queryRaw = adapter.queryRaw.bind(adapter)
  return Object.assign(adapter, {
    queryRaw: async (sqlQuery: SqlQuery) => {
      const result = await queryRaw(sqlQuery)
      const columns = charColumns.get(result.rows) ?? []
      const columnTypes = result.columnTypes.map(
        (type, index): ColumnType => (columns.includes(index) ? ColumnTypeEnum.Character : type),
      )
      return { ...result, columnTypes }
    },
    // The adapter's own way splits a script at every semicolon, inside strings and functions too.
    executeScript: async (script: string) => {
      await adapter.executeRaw({ sql: script, args: [], argTypes: [] })
    },
  })
}
