import { globSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Two copies of graphql refuse each other's schemas: there must be one.

const root = fileURLToPath(new URL('..', import.meta.url))
const copies = globSync(['node_modules/graphql/package.json', 'node_modules/**/node_modules/graphql/package.json'], {
  cwd: root,
})
for (const copy of copies) console.log(copy)
process.exit(copies.length === 1 ? 0 : 1)
