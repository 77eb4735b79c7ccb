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

/** More files than this that fail are no accident of a busy machine. */
const maxFilesTriedAgain = 3

interface Outcome {
  readonly passed: number
  readonly failed: number
  /** What the summary at the end says of it, a line each. */
  readonly remarks: readonly string[]
}

await using temporary = await temporaryDirectory()
let passed = 0
let failed = 0
const remarks: string[] = []
for (const check of checks) {
  const startedAt = performance.now()
  const outcome = check.isTests ? await runTests(check) : await runCommand(check)
  passed += outcome.passed
  failed += outcome.failed
  remarks.push(...outcome.remarks)
  const seconds = ((performance.now() - startedAt) / 1000).toFixed(1)
  console.log(`${outcome.failed === 0 ? '✓' : '✗'} ${check.name} (${seconds} s)`)
}
for (const remark of remarks) console.log(remark)
console.log(`${passed} passed, ${failed} failed`)
process.exitCode = failed === 0 ? 0 : 1

async function runCommand(check: Check): Promise<Outcome> {
  const ok = await succeeds(check)
  return ok ? { passed: 1, failed: 0, remarks: [] } : { passed: 0, failed: 1, remarks: [`✗ ${check.name}`] }
}

/**
 * A few files that fail are tried once more by themselves, since two files at a time disturb each other on a small
 * machine. What passes then is counted as passed and named as unsteady at the end: it is to be mended all the same.
 */
async function runTests(check: Check): Promise<Outcome> {
  const first = await runVitest(check, 'first')
  const files = [...new Set(first.failures.map(({ file }) => file))]
  if (first.ok || files.length === 0 || files.length > maxFilesTriedAgain) return outcomeOf(first, check)
  const again = await runVitest({ ...check, command: [...check.command, ...files, '--maxWorkers=1'] }, 'again')
  const failing = new Set(again.failures.map(({ title }) => title))
  const mended = first.failures.filter(({ title }) => !failing.has(title))
  const outcome = outcomeOf({ ...again, passed: first.passed + mended.length }, check)
  const unsteady = mended.map(({ title, message }) => `! unsteady, passed when tried again: ${title}\n${message}`)
  return { ...outcome, remarks: [...unsteady, ...outcome.remarks] }
}

function outcomeOf({ ok, passed, failures }: TestRun, { name }: Check): Outcome {
  if (ok) return { passed, failed: 0, remarks: [] }
  // A run that fails without a failed test, such as one that could not load a file, is a failure of its own.
  if (failures.length === 0) return { passed, failed: 1, remarks: [`✗ ${name}`] }
  return { passed, failed: failures.length, remarks: failures.map(({ title, message }) => `✗ ${title}\n${message}`) }
}

interface TestRun {
  readonly ok: boolean
  readonly passed: number
  readonly failures: readonly { readonly file: string; readonly title: string; readonly message: string }[]
}

async function runVitest(check: Check, attempt: string): Promise<TestRun> {
  const report = join(temporary.path, `${check.name.replaceAll(' ', '-')}-${attempt}.json`)
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`]
  const ok = await succeeds({ ...check, command: [...check.command, ...reporters] })
  const { numPassedTests, testResults } = readReport(report)
  const failures = testResults
    .filter(({ status }) => status === 'failed')
    .flatMap(({ name: file, message, assertionResults }) => {
      const failed = assertionResults.filter(({ status }) => status === 'failed')
      // A file that could not be loaded has a message and no test.
      if (failed.length === 0) return [{ file, title: file, message }]
      return failed.map(({ fullName, failureMessages }) => ({
        file,
        title: `${file}: ${fullName}`,
        message: failureMessages.join('\n').slice(0, 2_000),
      }))
    })
  return { ok, passed: numPassedTests, failures }
}

async function succeeds({ command: [program = '', ...rest], env }: Check): Promise<boolean> {
  const child = spawn(program, rest, { stdio: 'inherit', env: { ...process.env, ...env } })
  return new Promise<boolean>((resolve) => {
    child.once('error', (error) => {
      console.error(`${program}: ${error.message}`)
      resolve(false)
    })
    child.once('exit', (code) => resolve(code === 0))
  })
}

/** The parts of vitest's JSON report that are read here: https://vitest.dev/guide/reporters#json-reporter */
interface Report {
  readonly numPassedTests: number
  readonly testResults: readonly {
    readonly name: string
    readonly status: string
    readonly message: string
    readonly assertionResults: readonly {
      readonly fullName: string
      readonly status: string
      readonly failureMessages: readonly string[]
    }[]
  }[]
}

function readReport(path: string): Report {
  try {
    return JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    return { numPassedTests: 0, testResults: [] }
  }
}

async function temporaryDirectory(): Promise<{ readonly path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'parley-check-'))
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) }
}
