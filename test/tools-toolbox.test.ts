import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { pino } from 'pino'
import { afterAll, describe, expect, it } from 'vitest'
import { createJsonSchemas } from '../src/platform/json-schema.ts'
import { toolOf } from '../src/tools/builtin/builtin-tool.ts'
import { checkClientTools, type GivenClientTool } from '../src/tools/client-tools.ts'
import type { Tool, ToolSource } from '../src/tools/tool.ts'
import { createToolbox } from '../src/tools/toolbox.ts'
import { silentLog } from './support/database.ts'
import { localViewer } from './support/http-fixture.ts'

// Many sources, one list: what one of them does is nothing to the others.

const schemas = createJsonSchemas({ log: silentLog })
afterAll(() => schemas[Symbol.asyncDispose]())

const never = new AbortController().signal
const caller = { viewer: localViewer, token: null }
const config = {
  concurrency: 8,
  timeoutMs: 60_000,
  maxResultBytes: 262_144,
  approvalTtlMs: 1_000,
  policy: { deny: [], allow: [], ask: [] },
}

function tool(name: string, description = name): Tool {
  const run = async () => ({ output: description, result: null, isError: false })
  return toolOf({ name, title: name, description, inputSchema: { type: 'object' }, isReadOnly: true, run })
}

const always = (...tools: readonly Tool[]): ToolSource => ({ tools: async () => tools })

/** A toolbox, and the messages of its warnings. */
function open(sources: readonly ToolSource[], listLimitMs = 60_000) {
  const warnings: string[] = []
  const log = pino({ level: 'warn' }, { write: (line: string) => void warnings.push(JSON.parse(line).msg) })
  const toolbox = createToolbox({ sources, schemas, config, listLimitMs, log })
  const names = async (refresh = false) => [...(await toolbox.tools(caller, { refresh }, never)).keys()]
  return { toolbox, warnings, names }
}

it('what ended with a call is not kept for as long as whoever made it stays', async () => {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  const results: WeakRef<object>[] = []
  const echo: Tool = {
    ...tool('echo'),
    run: async () => {
      const result = { output: 'x', result: null, isError: false }
      results.push(new WeakRef(result))
      return result
    },
  }
  const { toolbox } = open([always(echo)])
  for (let count = 0; count < 100; count++) {
    await toolbox.tools(caller, { refresh: false }, never)
    await toolbox.call(echo, { ...caller, arguments: {}, onProgress: () => {}, elicit: null }, never)
  }
  await new Promise(setImmediate)
  collect()
  expect(results).toHaveLength(100)
  expect(results.filter((result) => result.deref() !== undefined).length).toBeLessThan(5)
})

describe('the list of tools', () => {
  it('is that of all sources, in their order', async () => {
    const { names } = open([always(tool('b')), always(tool('a'), tool('c'))])
    expect(await names()).toEqual(['b', 'a', 'c'])
  })

  it('has the first of two tools of one name, and one warning says so', async () => {
    const { toolbox, names, warnings } = open([always(tool('a', 'ours')), always(tool('a', 'theirs'), tool('b'))])
    expect(await names()).toEqual(['a', 'b'])
    expect(await names()).toEqual(['a', 'b'])
    expect(toolbox.find(caller, 'a')?.definition.description).toBe('ours')
    expect(warnings).toEqual(['two tools have the same name; the first is used'])
  })

  it('has what a source gave last where it fails now, and one warning for as long as it does', async () => {
    let fails = true
    const source: ToolSource = {
      tools: async () => {
        if (fails) throw new Error('down')
        return [tool('remote')]
      },
    }
    const { names, warnings } = open([always(tool('ours')), source])
    expect(await names()).toEqual(['ours'])
    fails = false
    expect(await names()).toEqual(['ours', 'remote'])
    fails = true
    expect(await names()).toEqual(['ours', 'remote'])
    expect(await names(true)).toEqual(['ours', 'remote'])
    expect(warnings).toHaveLength(2)
  })

  it('waits so long for a source and no longer, and tells it', async () => {
    const signals: AbortSignal[] = []
    const source: ToolSource = {
      tools: (_caller, _options, signal) => {
        signals.push(signal)
        return new Promise(() => {})
      },
    }
    const { names } = open([source, always(tool('ours'))], 50)
    expect(await names()).toEqual(['ours'])
    expect(signals.map(({ aborted }) => aborted)).toEqual([true])
  })

  it('is asked for all sources at once', async () => {
    let asked = 0
    const { promise: all, resolve } = Promise.withResolvers<void>()
    const source = (name: string): ToolSource => ({
      tools: async () => {
        asked += 1
        if (asked === 3) resolve()
        await all
        return [tool(name)]
      },
    })
    expect(await open([source('a'), source('b'), source('c')]).names()).toEqual(['a', 'b', 'c'])
  })

  it('is not waited for by one who is gone', async () => {
    const { toolbox } = open([{ tools: () => new Promise(() => {}) }])
    const controller = new AbortController()
    const listing = toolbox.tools(caller, { refresh: false }, controller.signal)
    controller.abort(new Error('gone'))
    await expect(listing).rejects.toThrow('gone')
  })

  it('is each user’s own, and found again without asking anybody', async () => {
    let asked = 0
    const source: ToolSource = {
      tools: async ({ viewer }) => {
        asked += 1
        return [tool(`of_${viewer.id}`)]
      },
    }
    const { toolbox } = open([source])
    const other = { viewer: { ...localViewer, id: 'user_other' }, token: null }
    await toolbox.tools(caller, { refresh: false }, never)
    await toolbox.tools(other, { refresh: false }, never)
    expect(toolbox.find(other, 'of_user_other')).not.toBe(null)
    expect(toolbox.find(caller, 'of_user_other')).toBe(null)
    expect(asked).toBe(2)
  })
})

describe('a call', () => {
  const call = { ...caller, arguments: {}, elicit: null }

  it('is told nothing of once it is over, and holds nobody who has gone', async () => {
    const { toolbox } = open([])
    const told: number[] = []
    let report = (_progress: number) => {}
    const late: Tool = {
      ...tool('late'),
      run: async ({ onProgress }) => {
        report = (progress) => onProgress({ progress, total: null, detail: null })
        report(1)
        return { output: 'done', result: null, isError: false }
      },
    }
    const onProgress = ({ progress }: { readonly progress: number }) => void told.push(progress)
    expect(await toolbox.call(late, { ...call, onProgress }, never)).toMatchObject({ output: 'done' })
    report(2)
    expect(told).toEqual([1])

    const controller = new AbortController()
    const { promise: began, resolve } = Promise.withResolvers<void>()
    const deaf: Tool = {
      ...tool('deaf'),
      run: () => {
        resolve()
        return new Promise(() => {})
      },
    }
    const calling = toolbox.call(deaf, { ...call, onProgress }, controller.signal)
    await began
    controller.abort(new Error('cancelled'))
    await expect(calling).rejects.toThrow('cancelled')
  })
})

describe('the tools of a client', () => {
  const given = (name: string, inputSchema: unknown = { type: 'object' }): GivenClientTool => ({ name, inputSchema })
  const check = (tools: readonly GivenClientTool[]) =>
    checkClientTools(tools, { schemas, isTaken: (name) => name === 'taken' }, never)

  it('are kept as they are', async () => {
    expect(await check([{ ...given('open'), description: 'Opens.' }, given('close')])).toEqual([
      { name: 'open', description: 'Opens.', inputSchema: { type: 'object' } },
      { name: 'close', description: null, inputSchema: { type: 'object' } },
    ])
  })

  it.each<[string, string, readonly GivenClientTool[]]>([
    ['a name that some provider refuses', 'clientTools.0.name', [given('open.page')]],
    ['a name that is too long', 'clientTools.0.name', [given('x'.repeat(65))]],
    ["a server's name", 'clientTools.1.name', [given('free'), given('taken')]],
    ['one name twice', 'clientTools.1.name', [given('open'), given('open')]],
    ['a schema that is none', 'clientTools.0.inputSchema', [given('open', 'object')]],
    ['a schema of no object', 'clientTools.0.inputSchema', [given('open', { type: 'string' })]],
    ['a schema that cannot be used', 'clientTools.0.inputSchema', [given('open', { type: 'object', required: 'a' })]],
    [
      'a schema too large',
      'clientTools.0.inputSchema',
      [given('open', { type: 'object', $comment: 'x'.repeat(70_000) })],
    ],
    ['a description too long', 'clientTools.0.description', [{ ...given('open'), description: 'x'.repeat(9_000) }]],
    ['too many', 'clientTools', Array.from({ length: 65 }, (_, index) => given(`open_${index}`))],
    [
      'too much in all',
      'clientTools',
      Array.from({ length: 5 }, (_, index) => given(`open_${index}`, { type: 'object', $comment: 'x'.repeat(60_000) })),
    ],
  ])('are refused with the field at fault: %s', async (_, field, tools) => {
    await expect(check(tools)).rejects.toMatchObject({ field, code: expect.stringMatching(/BAD_USER_INPUT|TOO_LARGE/) })
  })
})
