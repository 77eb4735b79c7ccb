import fc from 'fast-check'
import pg from 'pg'
import { RE2JS } from 're2js'
import { expect, test } from 'vitest'
import { openDatabase } from '../src/database/database.ts'
import { letterCases } from '../src/search/letter-cases.ts'
import { PatternThreads } from '../src/search/pattern-threads.ts'
import { toPostgres } from '../src/search/postgres-pattern.ts'
import { createLocalRegex, createServerRegex, type SearchRegex } from '../src/search/regex.ts'
import { createTestDatabase, hasPostgres, silentLog } from './support/database.ts'
import { foundTexts } from './support/found-texts.ts'
import { saying } from './support/saying.ts'

const said = [
  'Hello World. foo{bar} x{,5}',
  'line1\nline2 cat',
  `${'a'.repeat(300)}b`,
  'École ÉCOLE straße Ωmega 4_2',
  'Æ 日本語 \u{1f600} K',
]
/** Those that PostgreSQL reads in another way than RE2, or not at all, among them. */
const sources = [
  ...['a{300}', 'x{,5}', '\\pL', 'World\\z', '5\\z', '(?P<n>cat)', '(?i:CAT)', 'x(?i){,5', '(?-i)École', '\\QHello\\E'],
  ...['\\x{48}ello', '(?U)l+', 'x{', '^*', '\\b{2}', 'line1.line2', '(?s)line1.line2', '^line2', '(?m)^line2', 'cat$'],
  ...[
    '[^a]',
    '\\bcole',
    '\\bcat\\b',
    '\\Bat\\b',
    'k',
    '[j-l]',
    'ω',
    'STRASSE',
    'æ',
    '[à-ü]cole',
    '\\W',
    '[^\\W\\d]',
    '_',
    '.{301}',
  ],
  ...['[一-龥]', '😀', '[😀-😂]', '()', '(|a)', 'a||b', '[[:digit:]]', '[]{]', '(?:a?){30}b', 'ſtraße'],
]

test('both ways of searching find the same, whatever PostgreSQL makes of a pattern', { timeout: 120_000 }, async () => {
  if (!hasPostgres()) return
  await using resources = new AsyncDisposableStack()
  const { config, dataDir } = resources.use(await createTestDatabase('postgres'))
  const { client } = resources.use(await openDatabase({ config, dataDir, log: silentLog }))
  const patterns = resources.use(new PatternThreads(silentLog))
  const scope = await saying(client, said)
  for (const source of sources) {
    const found = async (search: SearchRegex) => {
      const { hits } = await search(scope, { source, limit: 100 }, AbortSignal.timeout(30_000))
      return foundTexts(client, scope, hits)
    }
    const expected = said.filter((text) => RE2JS.compile(source, RE2JS.CASE_INSENSITIVE).test(text)).toReversed()
    expect(await found(createServerRegex(client, patterns)), source).toEqual(expected)
    expect(await found(createLocalRegex(client, patterns)), source).toEqual(expected)
  }
})

test('what PostgreSQL is given matches what RE2 matches', { timeout: 120_000 }, async () => {
  if (!hasPostgres()) return
  await using database = await createTestDatabase('postgres', { migrated: false })
  const client = new pg.Client({ connectionString: database.url })
  await client.connect()
  try {
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(pattern, text), { minLength: 50, maxLength: 50 }), (cases) =>
        agrees(client, cases),
      ),
      { numRuns: 10 },
    )
  } finally {
    await client.end()
  }
})

async function agrees(client: pg.Client, cases: readonly (readonly [string, string])[]): Promise<void> {
  const valid = cases.filter(([source]) => isValid(source) && toPostgres(source) !== null)
  expect(valid.length).toBeGreaterThan(cases.length / 4)
  const { rows } = await client.query<{ matches: boolean }>(
    'SELECT text ~ pattern AS matches FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS c (text, pattern, place) ORDER BY place',
    [valid.map(([, tried]) => tried), valid.map(([source]) => toPostgres(source))],
  )
  for (const [index, [source, text]] of valid.entries())
    expect([source, text, rows[index]?.matches]).toEqual([source, text, matches(source, text)])
}

test('letters are the same but for their case where RE2 says so', () => {
  const cases = letterCases()
  const all = [...cases.keys()].map((code) => String.fromCodePoint(code)).join('')
  const some = [...cases].filter(([, same], index) => same.size !== 2 || index % 20 === 0)
  for (const [code, same] of some) {
    const letter = String.fromCodePoint(code)
    const others = [...all].filter((other) => !same.has(other.codePointAt(0) ?? 0)).join('')
    const itself = [...same].map((other) => String.fromCodePoint(other)).join('')
    expect([letter, matches(`^${letter}+$`, itself), matches(letter, others)]).toEqual([letter, true, false])
  }
})

const characters = ['a', 'B', 'k', 's', '7', '_', ' ', '\n', '-', 'é', 'Σ', 'ж', '日', '\u{1f600}', 'ſ', '\u212a']
const text = fc.array(fc.constantFrom(...characters), { maxLength: 12 }).map((all) => all.join(''))
const one = fc.constantFrom(
  ...characters.filter((character) => character !== '-'),
  '\\n',
  '\\-',
  '\\.',
  '\\]',
  'S',
  'É',
)
const set = fc
  .tuple(
    fc.constantFrom('', '^'),
    fc.array(fc.oneof(one, fc.constantFrom('a-z', 'A-C', '0-9', 'а-я', 'À-ɏ', '\\d', '\\W', '\\S', '\\w')), {
      minLength: 1,
      maxLength: 4,
    }),
  )
  .map(([sign, items]) => `[${sign}${items.join('')}]`)
const atom = fc.oneof(
  one,
  set,
  fc.constantFrom('.', '\\d', '\\D', '\\w', '\\W', '\\s', '\\S', '\\b', '\\B', '^', '$', '\\A', '\\z'),
)
const { pattern } = fc.letrec<{ pattern: string; part: string }>((tie) => ({
  pattern: fc
    .array(
      fc.array(tie('part'), { maxLength: 4 }).map((parts) => parts.join('')),
      { minLength: 1, maxLength: 3 },
    )
    .map((branches) => branches.join('|')),
  part: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    atom,
    fc.tuple(one, fc.constantFrom('*', '+', '?', '*?', '{2}', '{1,}', '{0,3}?', '{0}')).map((parts) => parts.join('')),
    fc
      .tuple(
        fc.constantFrom('(', '(?:', '(?P<n>', '(?<n>'),
        tie('pattern'),
        fc.constantFrom(')', ')*', ')+', ')?', '){2}'),
      )
      .map((parts) => parts.join('')),
  ),
}))

/** Of what is made here, RE2 refuses two groups of one name. */
function isValid(source: string): boolean {
  try {
    RE2JS.compile(source)
    return true
  } catch {
    return false
  }
}

function matches(source: string, tried: string): boolean {
  return RE2JS.compile(source, RE2JS.CASE_INSENSITIVE).test(tried)
}
