import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { overlongResponseId } from '../src/mcp/overlong-response.ts'
import { hideSecrets } from '../src/mcp/secrets.ts'
import { LineSplitter, type OutputLine } from '../src/mcp/stdio-lines.ts'

const maxBytes = 2_048

function split(chunks: readonly Buffer[]): OutputLine[] {
  const lines = new LineSplitter(maxBytes)
  return [...chunks.flatMap((chunk) => [...lines.push(chunk)]), ...lines.end()]
}

/** The bytes in pieces that end at these places. */
function cut(bytes: Buffer, places: readonly number[]): Buffer[] {
  const ends = [
    ...places.map((place) => place % (bytes.length + 1)).toSorted((one, other) => one - other),
    bytes.length,
  ]
  return ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
}

const line = fc.oneof(
  fc.string({ unit: 'binary' }).map((text) => Buffer.from(text.replaceAll(/[\r\n]/g, ''))),
  fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes.filter((byte) => byte !== 10 && byte !== 13))),
  fc.integer({ min: maxBytes - 2, max: 3 * maxBytes }).map((length) => Buffer.alloc(length, 'é')),
)

describe('lines', () => {
  test('are the same however their bytes come, and those that are too long are told by their ends', () => {
    const places = fc.array(fc.nat(), { maxLength: 40 })
    fc.assert(
      fc.property(fc.array(line, { maxLength: 8 }), places, (written, at) => {
        const bytes = Buffer.concat(written.flatMap((one) => [one, Buffer.from('\n')]))
        const expected = written.map((one): OutputLine => {
          if (one.length <= maxBytes) return { kind: 'line', text: one.toString('utf8') }
          const tail = one.subarray(-1024).toString('utf8')
          return { kind: 'overlong', head: one.toString('utf8', 0, 1024), tail, byteLength: one.length }
        })
        expect(split(cut(bytes, at))).toEqual(expected)
      }),
    )
  })

  test('that come a byte at a time are whole', () => {
    const bytes = Array.from({ length: 10_000 }, () => Buffer.from('x'))
    const lines = new LineSplitter(bytes.length)
    expect([...bytes, Buffer.from('\n')].flatMap((byte) => [...lines.push(byte)])).toEqual([
      { kind: 'line', text: 'x'.repeat(10_000) },
    ])
  })
})

describe('a response that is too long', () => {
  test.each([
    ['{"jsonrpc":"2.0","id":5,"result":{"x', '"}}', 5],
    ['{ "id": "a-1", "jsonrpc": "2.0", "error": {', '}}', 'a-1'],
    ['{"result":{"content":[', ']},"jsonrpc":"2.0","id":5}', 5],
    ['{"jsonrpc":"2.0","result":{"x', '"},"id":"é"}\r', 'é'],
    ['{"error":{"message":"', '"},"id":5,"jsonrpc":"2.0"}', 5],
    // A request, whose id is the server's own.
    ['{"jsonrpc":"2.0","id":5,"method":"sampling/createMessage"', '}}', null],
    ['{"method":"sampling/createMessage","params":{', '},"jsonrpc":"2.0","id":5}', null],
    // What is inside a text says nothing.
    ['{"jsonrpc":"2.0","result":{"text":"', ',"id":5}', null],
    ['{"jsonrpc":"2.0","result":{"text":"', '}"}}', null],
    ['[[[[', ']]]]', null],
  ])('%s…%s answers %s', (head, tail, id) => {
    expect(overlongResponseId({ head, tail })).toBe(id)
  })
})

test('secrets are hidden, long ones before those inside them, line by line, and short ones are none', () => {
  const secrets = ['secret', 'a-secret-key', 'on', 'line one\nline two']
  expect(hideSecrets('a-secret-key or secret, on line two', secrets)).toBe('[redacted] or [redacted], on [redacted]')
})
