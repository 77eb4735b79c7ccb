import { array, assert, constantFrom, oneof, property, string, tuple } from 'fast-check'
import { expect, it } from 'vitest'
import { mcpToolName, toolNamePattern } from '../src/tools/tool-names.ts'

/** Names made of what makes names go wrong: what joins, what is cut, what looks like a hash. */
const awkward = array(
  constantFrom('a', 'B', '1', '_', '__', '-', '.', ' ', 'é', '🦜', '_0a1b2c3d', '\n', 'x'.repeat(40)),
  {
    maxLength: 6,
  },
).map((parts) => parts.join(''))
const name = oneof(awkward, string({ unit: 'binary', maxLength: 300 }))
const pair = tuple(name, name)

it('every tool of every server has a name that all providers take', () => {
  assert(
    property(pair, ([server, tool]) => {
      expect(mcpToolName(server, tool)).toMatch(toolNamePattern)
    }),
    { numRuns: 500 },
  )
})

it('no two tools of any servers have the same name', () => {
  assert(
    property(pair, pair, (one, other) => {
      const isSame = one[0] === other[0] && one[1] === other[1]
      expect(mcpToolName(...one) === mcpToolName(...other)).toBe(isSame)
    }),
    { numRuns: 500 },
  )
})

it('a name that nothing had to be changed in says which server and tool it means', () => {
  assert(
    property(pair, ([server, tool]) => {
      const made = mcpToolName(server, tool)
      const isChanged = made !== `${server}__${tool}`
      const at = made.indexOf('__')
      if (isChanged) expect(made).toMatch(/_[0-9a-f]{8}$/)
      else expect([made.slice(0, at), made.slice(at + 2)]).toEqual([server, tool])
    }),
    { numRuns: 500 },
  )
})

it.each([
  ['files', 'read_file', 'files__read_file'],
  ['my-server', 'get-env', 'my-server__get-env'],
  ['My server', 'do it', /^My_server__do_it_[0-9a-f]{8}$/],
  ['1st', 'x', /^_1st__x_[0-9a-f]{8}$/],
  ['日本', '語', /^server__tool_[0-9a-f]{8}$/],
  ['s'.repeat(60), 'read_file', /^s{20}__read_file_[0-9a-f]{8}$/],
])('the tool of %j named %j is known by both', (server, tool, expected) => {
  expect(mcpToolName(server, tool)).toMatch(expected)
})

it('servers and tools whose names come out the same are told apart', () => {
  const names = [
    mcpToolName('a', 'b__c'),
    mcpToolName('a__b', 'c'),
    mcpToolName('a_', '_b'),
    mcpToolName('a b', 'c'),
    mcpToolName('a.b', 'c'),
    mcpToolName('a_b', 'c'),
    mcpToolName('server', `${'x'.repeat(200)}1`),
    mcpToolName('server', `${'x'.repeat(200)}2`),
  ]
  expect(new Set(names).size).toBe(names.length)
})
