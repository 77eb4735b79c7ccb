import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { startProcess, temporaryDirectory } from './support/process.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { ollama } from './support/wire/ollama.ts'

const startMs = 60_000

async function bannerOf(env: Readonly<Record<string, string>>): Promise<string> {
  await using server = await startProcess({ env })
  await server.waitFor('Try next')
  return server.stderr()
}

describe('the banner names the default model and what made it so:', () => {
  test('the demo, where there is nothing else', { timeout: startMs }, async () => {
    const banner = await bannerOf({})
    expect(banner).toContain('Default    demo/parley-demo  (no other provider is configured)')
    expect(banner).toContain('OPENAI_API_KEY=… npm start')
    expect(banner).toContain('calculator, get_current_time, get_weather')
    expect(banner).toContain('no MCP servers: mcp-servers.json would name them')
  })

  test('a provider by its variable alone, with the first model that it lists', { timeout: startMs }, async () => {
    await using model = await startScriptedModel({ wire: ollama })
    model.models = ['llama3.2:latest', 'mistral:latest']
    const banner = await bannerOf({ OLLAMA_HOST: new URL(model.baseUrl).host })
    expect(banner).toContain('Default    ollama/llama3.2:latest  (environment variable OLLAMA_HOST)')
    expect(banner).toContain('ollama/llama3.2:latest (default), ollama/mistral:latest')
    expect(banner).not.toContain('OPENAI_API_KEY')
  })

  test('the first of several, though it cannot be reached', { timeout: startMs }, async () => {
    const banner = await bannerOf({
      OLLAMA_HOST: '127.0.0.1:9',
      ANTHROPIC_API_KEY: 'sk-ant-1',
      ANTHROPIC_BASE_URL: 'http://127.0.0.1:9',
    })
    expect(banner).toContain('Default    anthropic/claude-haiku-4-5  (environment variable ANTHROPIC_API_KEY)')
  })

  test('the configured one, by its alias', { timeout: startMs }, async () => {
    const PARLEY_ALIASES = JSON.stringify({ fast: 'demo/parley-demo' })
    const banner = await bannerOf({
      OPENAI_API_KEY: 'x',
      OPENAI_BASE_URL: 'http://127.0.0.1:9',
      PARLEY_ALIASES,
      PARLEY_DEFAULT_MODEL: 'fast',
    })
    expect(banner).toContain('Default    demo/parley-demo  (defaultModel: environment variable PARLEY_DEFAULT_MODEL)')
  })
})

test('the banner says that nothing is found by its meaning where the model for it is missing', {
  timeout: startMs,
}, async () => {
  const banner = await bannerOf({ PARLEY_SEARCH_ENABLED: 'true', PARLEY_EMBEDDING_MODEL: 'missing/model' })
  expect(banner).toContain('Search     by words alone: embedding.model: missing/model cannot be asked: no such')
})

test('the banner names the file of MCP servers, and the servers in it', { timeout: startMs }, async () => {
  await using directory = await temporaryDirectory()
  const file = join(directory.path, 'servers.json')
  const mcpServers = { memory: { command: 'true', disabled: true }, tasks: { url: 'http://127.0.0.1:9/mcp' } }
  await writeFile(file, JSON.stringify({ mcpServers }))
  const banner = await bannerOf({ PARLEY_MCP_SERVERS_FILE: file })
  expect(banner).toContain(`MCP servers of ${file}: memory (disabled), tasks`)
})

test('the banner is what the README shows', { timeout: startMs }, async () => {
  const readme = await readFile(new URL('../README.md', import.meta.url), 'utf8')
  const [, shown] = /^\$ npm -s start\n(.*?)```/ms.exec(readme) ?? []
  if (shown === undefined) throw new Error('the README shows no start')
  expect(inOnePlace(await bannerOf({ PARLEY_SEARCH_ENABLED: 'true' }))).toContain(inOnePlace(shown))
})

function inOnePlace(banner: string): string {
  return banner.replaceAll(/127\.0\.0\.1:\d+/g, '127.0.0.1:4000').replace(/(?<=^ +Database +).*/m, 'a database')
}
