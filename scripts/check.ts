import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// All that must hold, in one command: `npm test`. Its last line is `N passed, N failed`, over checks and tests together.

interface Check {
  readonly name: string
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** The command is vitest: its tests count one by one. */
  readonly isTests?: boolean
}

const checks: readonly Check[] = [
  { name: 'generated database client', command: ['prisma', 'generate'] },
  { name: 'printed schema', command: ['node', 'scripts/schema.ts', '--check'] },
  { name: 'typed operations', command: ['graphql-codegen'] },
  { name: 'types', command: ['tsc', '--noEmit'] },
  { name: 'lint', command: ['biome', 'ci', '.'] },
  { name: 'schema lint', command: ['eslint', 'schema.graphql'] },
  { name: 'one copy of graphql', command: ['node', 'scripts/one-graphql.ts'] },
  { name: 'contract', command: ['node', 'scripts/contract.ts'] },
  { name: 'configuration docs', command: ['node', 'scripts/env-example.ts', '--check'] },
  { name: 'migrations', command: ['node', 'scripts/migration.ts', '--check'] },
  { name: 'tests on embedded PostgreSQL', command: ['vitest', 'run'], isTests: true },
  {
    name: 'tests on real PostgreSQL',
    command: ['vitest', 'run'],
    env: { PARLEY_TEST_DATABASE: 'postgres' },
    isTests: true,
  },
]

await using temporary = await temporaryDirectory()
let passed = 0
let failed = 0
for (const check of checks) {
  const startedAt = performance.now()
  const result = await run(check)
  passed += result.passed
  failed += result.failed
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${result.failed === 0 ? '✓' : '✗'} ${check.name} (${seconds} s)`)
}
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function run({ name, command, env, isTests = false }: Check): Promise<{ passed: number; failed: number }> {
  const report = join(temporary.path, `${name.replaceAll(' ', '-')}.json`)
  const reporters = isTests ? ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`] : []
  const [program = '', ...rest] = [...command, ...reporters]
  const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...env } })
  const ok = await new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      console.error(`${program}: ${error.message}`)
      resolve(false)
    })
    child.once('exit', (code) => resolve(code === 0))
  })
  if (!isTests) return ok ? { passed: 1, failed: 0 } : { passed: 0, failed: 1 }
  const { numPassedTests, numFailedTests } = readReport(report)
  // A run that fails without a failed test, such as one that could not load a file, is a failure of its own.
  return { passed: numPassedTests, failed: numFailedTests === 0 && !ok ? 1 : numFailedTests }
}

function readReport(path: string): { numPassedTests: number; numFailedTests: number } {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { numPassedTests: 0, numFailedTests: 0 }
  }
}

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'parley-check-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
