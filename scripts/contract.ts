import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

// Compares schema.graphql with the API's fixed core, where that is at hand: a client that was written against the core
// must not break.

const checker = fileURLToPath(new URL('../../shared/design/check-contract.mjs', import.meta.url))
if (!existsSync(checker)) {
  console.log('skipped: the contract is not beside this repository')
  process.exit(0)
}
const { status, error } = spawnSync(process.execPath, [checker], { stdio: 'inherit' })
if (error) throw error
process.exit(status ?? 1)
