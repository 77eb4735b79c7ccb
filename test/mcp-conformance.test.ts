import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import { temporaryDirectory } from './support/process.ts'

// The scenarios of the MCP conformance suite for clients that need no authorization server: those that do are listed in
// docs/tools.md. The suite starts a server of its own for each, and a command that uses our pool.

const scenarios = [
  { scenario: 'initialize', count: 1 },
  { scenario: 'tools_call', count: 1 },
  { scenario: 'elicitation-sep1034-client-defaults', count: 5 },
  { scenario: 'sse-retry', count: 3 },
]

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

/** Whether the machine was too busy to come back within a fifth of a second, and nothing else is wrong. */
const isLate = (id: string, status: Check['status']) => id === 'client-sse-retry-timing' && status === 'WARNING'

test.each(scenarios)('$scenario passes', { timeout: 60_000 }, async ({ scenario, count }) => {
  const checks = await checksOf(scenario)
  expect(checks).toHaveLength(count)
  for (const { id, status, errorMessage } of checks) {
    if (isLate(id, status)) continue
    expect(status, `${id}: ${errorMessage}`).toBe('SUCCESS')
  }
})

test('docs/tools.md names every scenario for clients, and those that are not run are of OAuth', async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [suite, 'list', '--client'])
  const listed = [...stdout.matchAll(/^ +- (\S+)/gm)].map(([, name = '']) => name)
  const run = scenarios.map(({ scenario }) => scenario)
  const guide = await readFile(new URL('../docs/tools.md', import.meta.url), 'utf8')
  expect(listed.filter((name) => !name.startsWith('auth/')).sort()).toEqual(run.sort())
  expect(listed.filter((name) => !guide.includes(`\`${name}\``))).toEqual([])
})
