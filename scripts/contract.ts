import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Compares schema.graphql with the API's fixed core, where that is at hand: each break that remains must be listed in
// docs/contract-breaks.md with the capability that will end it, and each one listed must still be there, so that the
// list only shrinks.

const checker = fileURLToPath(new URL('../../shared/design/check-contract.mjs', import.meta.url))
if (!existsSync(checker)) {
  console.log('skipped: the contract is not beside this repository')
  process.exit(0)
}

const table = readFileSync(new URL('../docs/contract-breaks.md', import.meta.url), 'utf8')
const listed = new Set(table.matchAll(/^\| (\S.*\.) \|/gm).map(([, line]) => line ?? ''))
const { stdout, stderr } = spawnSync(process.execPath, [checker], { encoding: 'utf8' })
if (stderr !== '') throw new Error(stderr)
const broken = new Set(stdout.trim().split('\n').slice(0, -1))

const added = [...broken].filter((line) => !listed.has(line))
const mended = [...listed].filter((line) => !broken.has(line))
for (const line of added) console.error(`breaks the contract, and is not listed: ${line}`)
for (const line of mended) console.error(`no longer breaks the contract, take it off the list: ${line}`)
console.log(`${broken.size} breaks of the contract, ${added.length} of them not listed`)
process.exit(added.length + mended.length > 0 ? 1 : 0)
