/**
 * Writes the schema as the code has it to schema.graphql, sorted.
 *
 *   node scripts/schema.ts           writes it
 *   node scripts/schema.ts --check   exits 1 where the file is not what would be written
 */
import { readFile, writeFile } from 'node:fs/promises'
import { parseArgs } from 'node:util'
import { lexicographicSortSchema, printSchema } from 'graphql'
import { createSchema } from '../src/graphql/schema.ts'

const { values } = parseArgs({ options: { check: { type: 'boolean', default: false } } })
const file = new URL('../schema.graphql', import.meta.url)
const printed = `${printSchema(lexicographicSortSchema(createSchema()))}\n`

if (!values.check) {
  await writeFile(file, printed)
} else if ((await readFile(file, 'utf8').catch(() => '')) !== printed) {
  process.stderr.write('schema.graphql is not what the code makes: run `node scripts/schema.ts` and commit it.\n')
  process.exitCode = 1
}
