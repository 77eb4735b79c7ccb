/**
 * Writes `.env.example`, and the tables of `docs/configuration.md` between its markers, from the configuration's schema.
 * With `--check` it writes nothing, and exits with 1 where a file is stale; with `--markdown` it prints the tables.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { describeConfig, sectionOf } from '../src/platform/config/describe.ts'
import type { ConfigKey } from '../src/platform/config/keys.ts'
import { text } from '../src/platform/config/source.ts'

const { keys, providerKeys, configFile, customaryNames } = describeConfig()

const flags = { check: { type: 'boolean' }, markdown: { type: 'boolean' } } as const
const { values } = parseArgs({ options: flags })

const begin = '<!-- made by scripts/env-example.ts: begin -->'
const end = '<!-- made by scripts/env-example.ts: end -->'

if (values.markdown === true) {
  process.stdout.write(markdown())
} else {
  const root = new URL('../', import.meta.url)
  const document = new URL('docs/configuration.md', root)
  const files = [
    { name: '.env.example', url: new URL('.env.example', root), content: envExample() },
    { name: 'docs/configuration.md', url: document, content: between(readFileSync(document, 'utf8'), markdown()) },
  ]
  for (const { name, url, content } of files) {
    if (values.check !== true) {
      writeFileSync(url, content)
    } else if (read(url) !== content) {
      process.stderr.write(`${name} is stale: run node scripts/env-example.ts\n`)
      process.exitCode = 1
    }
  }
}

function envExample(): string {
  const head = [
    '# Every variable that Parley reads, with its default or, where it has none, an example. Copy this file to .env and',
    '# uncomment what you need. Variables of the environment win over this file, and this file over parley.yaml.',
    '# docs/configuration.md says more.',
  ]
  const file = ['# The YAML file.', `# ${configFile.env}=${configFile.default}`]
  const customary = customaryNames.flatMap((known) => {
    if ('key' in known) {
      const condition = known.condition === undefined ? '' : `, ${known.condition}`
      return [`# A second name of ${known.key}${condition}.`, `# ${known.name}=`, '']
    }
    return [
      `# ${known.field} of the provider ${known.provider}, which is there when this is set.`,
      `# ${known.name}=`,
      '',
    ]
  })
  const body = sections().flatMap(([section, members]) => [
    ...(section === '' ? [] : [`# ---- ${section}`, '']),
    ...members.flatMap((key) => [...comment(key.description), `# ${key.env}=${quoted(key)}`, '']),
  ])
  return [...head, '', ...file, '', ...body, '# ---- customary names', '', ...customary]
    .join('\n')
    .trimEnd()
    .concat('\n')
}

function markdown(): string {
  const tables = sections().flatMap(([section, members]) => [
    `### ${section === '' ? 'Server' : `\`${section}\``}`,
    '',
    '| key | environment | flag | default | meaning |',
    '| --- | --- | --- | --- | --- |',
    ...members.map((key) => {
      const names = [key.env, ...key.customaryNames].map((name) => `\`${name}\``).join(', ')
      return `| \`${key.path}\` | ${names} | \`--${key.flag}\` | ${defaultOf(key)} | ${meaningOf(key)} |`
    }),
    '',
    ...(members.some(({ path }) => path === 'providers') ? providerTable() : []),
  ])
  return `${tables.join('\n').trimEnd()}\n`
}

function providerTable(): string[] {
  return [
    'An entry of `providers` holds:',
    '',
    '| key | default | meaning |',
    '| --- | --- | --- |',
    ...providerKeys.map((key) => `| \`${key.path}\` | ${defaultOf(key)} | ${meaningOf(key)} |`),
    '',
  ]
}

/** The keys by section, those of none first. */
function sections(): [string, readonly ConfigKey[]][] {
  return [...Map.groupBy(keys, sectionOf)]
}

function defaultOf(key: ConfigKey): string {
  return hasDefault(key) ? `\`${text(key.default)}\`` : ''
}

function meaningOf(key: ConfigKey): string {
  const example = text(key.example ?? '')
  const shown = hasDefault(key) || example === '' ? '' : ` Example: \`${example}\`.`
  const choices = key.type === 'choice' ? ` ${key.expected.replace(/^o/, 'O')}.` : ''
  return `${key.description}${choices}${shown}`.replaceAll('|', '\\|')
}

/** An empty text, list or mapping says nothing. */
function hasDefault(key: ConfigKey): boolean {
  return key.default !== undefined && !['', '{}'].includes(text(key.default))
}

/** The description as comment lines of at most 120 characters. */
function comment(description: string): string[] {
  const lines: string[] = []
  for (const word of description.replaceAll('`', '').split(' ')) {
    const line = lines.at(-1)
    if (line !== undefined && line.length + word.length < 120) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(`# ${word}`)
  }
  return lines
}

function quoted(key: ConfigKey): string {
  const value = text(key.example)
  return /["#'\s]/.test(value) ? `'${value}'` : value
}

function between(whole: string, made: string): string {
  const [before, rest] = whole.split(begin, 2)
  const after = rest?.split(end, 2)[1]
  if (before === undefined || after === undefined) throw new Error('docs/configuration.md has lost its markers')
  return `${before}${begin}\n\n${made}\n${end}${after}`
}

function read(url: URL): string | undefined {
  try {
    return readFileSync(url, 'utf8')
  } catch {
    return undefined
  }
}
