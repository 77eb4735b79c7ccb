import { randomBytes } from 'node:crypto'
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { loadConfig } from '../src/platform/config/load.ts'
import { kinds } from '../src/providers/kinds.ts'
import { readGuide } from './support/guide.ts'

// docs/security.md: the tests that it names are there, and what it shows can be configured.

const secret = randomBytes(32).toString('base64')
const place = new URL('../docs/security.md', import.meta.url)
const text = await readFile(place, 'utf8')
const links = [...text.matchAll(/\]\(([^)#]+)\)/g)].flatMap(([, path]) => (path === undefined ? [] : [path]))
const configurations = readGuide(text)
  .flatMap(({ examples }) => examples)
  .filter(({ language }) => language === 'yaml')

describe('the guide to security', () => {
  test.each([...new Set(links)])('links to what is there: %s', async (path) => {
    await expect(access(new URL(path, place))).resolves.toBeUndefined()
  })

  test('has no promise without a test', () => {
    const promises = text.split('\n').filter((line) => line.startsWith('| ') && !/^\| (?:Promise|---)/.test(line))
    expect(promises.length).toBeGreaterThan(10)
    for (const promise of promises) expect(promise).toMatch(/\.\.\/test\/[\w-]+\.test\.ts/)
  })

  test('shows each mode that needs one a configuration', () => {
    const modes = configurations.map(({ content }) => /mode: (\w+)/.exec(content)?.[1])
    expect(modes).toEqual(['accounts', 'jwt', 'proxy'])
  })

  test.each(configurations)('shows a configuration that is valid, in line $line', async ({ content }) => {
    const directory = await mkdtemp(join(tmpdir(), 'parley-security-'))
    try {
      await writeFile(join(directory, 'parley.yaml'), content)
      const env = Object.fromEntries([...content.matchAll(/\$\{(\w+)\}/g)].map(([, name = '']) => [name, secret]))
      const { config } = loadConfig({ argv: [], env, cwd: directory, providerKinds: Object.keys(kinds) })
      expect(config.auth.mode).toBe(/mode: (\w+)/.exec(content)?.[1])
    } finally {
      await rm(directory, { recursive: true })
    }
  })
})
