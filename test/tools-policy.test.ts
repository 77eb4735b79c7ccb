import { describe, expect, it } from 'vitest'
import { policyFor } from '../src/tools/policy.ts'
import { mcpToolName } from '../src/tools/tool-names.ts'

const mcp = (tool: string, defaultPolicy: 'ALLOW' | 'ASK' | 'DENY' = 'ASK') =>
  ({
    name: mcpToolName('files', tool),
    source: 'MCP',
    serverId: 'files',
    serverToolName: tool,
    defaultPolicy,
  }) as const
const none = { deny: [], allow: [], ask: [] }

describe('the first of these decides', () => {
  const all = { deny: ['files__*'], allow: ['files__*'], ask: ['files__*'] }
  it.each([
    ['deny', all, true, 'ALLOW', 'DENY'],
    ['allow', { ...all, deny: [] }, false, 'DENY', 'ALLOW'],
    ['a grant', { ...none, ask: ['files__*'] }, true, 'DENY', 'ALLOW'],
    ['ask', { ...none, ask: ['files__*'] }, false, 'ALLOW', 'ASK'],
    ["the tool's source", none, false, 'DENY', 'DENY'],
  ] as const)('%s', (_what, config, isGranted, ofSource, expected) => {
    expect(policyFor(mcp('read', ofSource), config, isGranted)).toBe(expected)
  })
})

describe("a name that had to be changed can be meant by its server's own", () => {
  const odd = mcp('drop table/all', 'ALLOW')
  it('is another one here', () => expect(odd.name).not.toBe('files__drop table/all'))
  it.each([
    ['deny', 'DENY'],
    ['ask', 'ASK'],
  ] as const)('in %s', (list, expected) => {
    expect(policyFor(odd, { ...none, [list]: ['files__drop table/all'] }, false)).toBe(expected)
    expect(policyFor(odd, { ...none, [list]: [odd.name] }, false)).toBe(expected)
  })
  it('but not in allow, where a server could choose a name that is allowed', () => {
    const asks = mcp('drop table/all')
    expect(policyFor(asks, { ...none, allow: ['files__drop table/all'] }, false)).toBe('ASK')
    expect(policyFor(asks, { ...none, allow: [asks.name] }, false)).toBe('ALLOW')
  })
})

it("a client's tool runs unasked unless it is denied", () => {
  const tool = {
    name: 'open_file',
    source: 'CLIENT',
    serverId: null,
    serverToolName: null,
    defaultPolicy: 'ALLOW',
  } as const
  expect(policyFor(tool, { ...none, ask: ['*'] }, false)).toBe('ALLOW')
  expect(policyFor(tool, { ...none, deny: ['open_*'] }, true)).toBe('DENY')
})
