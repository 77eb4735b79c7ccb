import { spawn } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { availableParallelism, tmpdir, totalmem } from 'node:os'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

// Runs the tests that repeat what they show as often as docs/reliability.md promises, on both databases, and writes
// there what came of it. Arguments are passed to vitest: `npm run test:long -- test/stream-resume.test.ts`. Then only
// the rows of those files change.

const root = fileURLToPath(new URL('..', import.meta.url))
const document = join(root, 'docs/reliability.md')
const begin = '<!-- begin: npm run test:long -->'
const end = '<!-- end: npm run test:long -->'
const databases = ['embedded', 'postgres'] as const

interface Row {
  readonly file: string
  readonly test: string
  readonly database: string
  readonly rounds: string
  readonly result: string
  readonly seconds: string
}

/** What is read of vitest's JSON report. */
interface Report {
  readonly testResults: readonly {
    readonly name: string
    readonly assertionResults: readonly {
      readonly title: string
      readonly status: 'passed' | 'failed' | 'skipped' | 'pending' | 'todo' | 'disabled'
      readonly duration?: number | null
      /** See test/support/rounds.ts; a test may add what it has measured as `result`. */
      readonly meta: { readonly rounds?: number; readonly result?: string }
    }[]
  }[]
}

const repeating = globSync('test/**/*.test.ts', { cwd: root })
  .filter((file) => /\bcountRounds\(/.test(readFileSync(join(root, file), 'utf8')))
  .toSorted()
const files = process.argv.length > 2 ? process.argv.slice(2) : repeating

const reports = await mkdtemp(join(tmpdir(), 'parley-long-'))
let failed = false
let rows: Row[] = []
try {
  for (const database of databases) {
    const report = join(reports, `${database}.json`)
    failed = !(await runTests(database, report)) || failed
    rows = rows.concat(await readRows(database, report))
  }
} finally {
  await rm(reports, { recursive: true, force: true })
}
const text = await readFile(document, 'utf8')
await writeFile(document, withRows(text, rows))
console.log(`${rows.length} rows written to ${relative(process.cwd(), document)}`)
process.exitCode = failed || rows.length === 0 ? 1 : 0

/** One file after the other: a test that measures time has the machine for itself. */
async function runTests(database: string, report: string): Promise<boolean> {
  const reporters = ['--reporter=verbose', '--reporter=json', `--outputFile.json=${report}`]
  // Files that reach no database are no part of the second run.
  const child = spawn('vitest', ['run', '--no-file-parallelism', '--passWithNoTests', ...reporters, ...files], {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, PARLEY_TEST_ROUNDS: 'full', PARLEY_TEST_DATABASE: database },
  })
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => resolve(code === 0))
  })
}

async function readRows(database: string, report: string): Promise<Row[]> {
  const { testResults } = JSON.parse(await readFile(report, 'utf8')) as Report
  return testResults.flatMap(({ name, assertionResults }) =>
    assertionResults
      .filter(({ meta }) => meta.rounds !== undefined)
      .map(({ title, status, duration, meta }) => ({
        file: relative(root, name),
        test: title.replaceAll('|', '\\|'),
        database,
        rounds: (meta.rounds ?? 0).toLocaleString('en'),
        result: meta.result === undefined ? status : `${status}: ${meta.result}`,
        seconds: ((duration ?? 0) / 1000).toFixed(0),
      })),
  )
}

/** The document with these rows in place of those that it has for the same files. */
function withRows(text: string, fresh: readonly Row[]): string {
  const [before, rest] = split(text, begin)
  const [table, after] = split(rest, end)
  const known = table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .filter((line) => !fresh.some(({ file }) => line.startsWith(`| \`${file}\``)))
  const lines = fresh.map(
    ({ file, test, database, rounds, result, seconds }) =>
      `| \`${file}\` | ${test} | ${database} | ${rounds} | ${result} | ${seconds} |`,
  )
  const memory = Math.round(totalmem() / 1024 ** 3)
  const machine = `${availableParallelism()} cores, ${memory} GB, Node.js ${process.version}`
  const header = ['| file | test | database | rounds | result | seconds |', '| --- | --- | --- | --- | --- | --- |']
  const all = [...known, ...lines].toSorted()
  const date = new Date().toISOString().slice(0, 10)
  return [before + begin, '', `Last run on ${date}: ${machine}.`, '', ...header, ...all, '', end + after].join('\n')
}

function split(text: string, marker: string): [string, string] {
  const at = text.indexOf(marker)
  if (at < 0) throw new Error(`${document} has no ${marker}`)
  return [text.slice(0, at), text.slice(at + marker.length)]
}
