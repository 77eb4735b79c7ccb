import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './support/process.ts'

// The scenarios of the MCP conformance suite for clients that need no authorization server: those that do are listed in
// docs/tools.md. The suite starts a server of its own for each, and a command that uses our pool.

const suite = fileURLToPath(new URL('../node_modules/@modelcontextprotocol/conformance/dist/index.js', import.meta.url))
const client = fileURLToPath(new URL('support/conformance-client.ts', import.meta.url))

interface Check {
  readonly id: string
  readonly status: 'SUCCESS' | 'FAILURE' | 'WARNING' | 'SKIPPED' | 'INFO'
  readonly errorMessage?: string
}

/** What the suite found, without what it tells beside that. */
async function checksOf(scenario: string): Promise<readonly Check[]> {
  await using directory = await temporaryDirectory()
  const command = `"${process.execPath}" "${client}"`
  const args = ['client', '--command', command, '--scenario', scenario, '--output-dir', directory.path]
  const child = spawn(process.execPath, [suite, ...args], { cwd: directory.path, stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (output += text))
  const [code] = (await once(child, 'close')) as [number | null]
  expect(code, output).toBe(0)
  const [results = ''] = await readdir(directory.path)
  const checks: Check[] = JSON.parse(await readFile(join(directory.path, results, 'checks.json'), 'utf8'))
  return checks.filter(({ status }) => status !== 'INFO')
}

test.each([
  { scenario: 'initialize', count: 1 },
  { scenario: 'tools_call', count: 1 },
  { scenario: 'elicitation-sep1034-client-defaults', count: 5 },
  { scenario: 'sse-retry', count: 3 },
])('$scenario passes', { timeout: 60_000 }, async ({ scenario, count }) => {
  const checks = await checksOf(scenario)
  expect(checks).toHaveLength(count)
  // A WARNING is given where the machine was too busy to come back within a fifth of a second.
  for (const { id, status, errorMessage } of checks) expect(status, `${id}: ${errorMessage}`).toMatch(/SUCCESS|WARNING/)
})
