import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { LineDecoder, maxLineLength } from '../src/providers/line-decoder.ts'

function decode(reads: readonly Uint8Array[]): string[] {
  const decoder = new LineDecoder()
  return [...reads.flatMap((bytes) => decoder.push(bytes)), ...decoder.end()]
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const decodeText = (text: string): string[] => decode([bytesOf(text)])

/** `bytes` cut at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
}

describe('the decoder of lines', () => {
  it('takes line feeds with and without a carriage return, and drops empty lines', () => {
    expect(decodeText('{"a":1}\n{"b":2}\r\n\n \r\n{"c":3}\n')).toEqual(['{"a":1}', '{"b":2}', '{"c":3}'])
  })

  it('gives the last line though its line feed is missing', () => {
    expect(decodeText('{"a":1}\n{"b":2}')).toEqual(['{"a":1}', '{"b":2}'])
    expect(decodeText('')).toEqual([])
  })

  it('drops a byte order mark at the start, and turns bytes that are no UTF-8 into U+FFFD', () => {
    expect(decodeText('\uFEFF{}\n')).toEqual(['{}'])
    expect(decode([bytesOf('"a'), Uint8Array.of(0xff, 0xe2, 0x82), bytesOf('b"\n')])).toEqual(['"a\uFFFD\uFFFDb"'])
    expect(decode([Uint8Array.of(0x61, 0xe2, 0x82)])).toEqual(['a\uFFFD'])
  })

  it('refuses a line that is too long, in one read or in many, and keeps what came before', () => {
    const long = 'x'.repeat(maxLineLength + 1)
    for (const reads of [
      [`early\n${long}\nlate\n`],
      ['early\n', ...(long.match(/.{1,65536}/g) ?? []), '\nlate\n'],
      [`early\n${long}`, '\nlate\n'],
    ]) {
      const decoder = new LineDecoder()
      expect(reads.flatMap((read) => decoder.push(bytesOf(read)))).toEqual(['early'])
      expect(decoder.isTooLong).toBe(true)
      expect([...decoder.push(bytesOf('later\n')), ...decoder.end()]).toEqual([])
    }
    expect(decodeText(`${'x'.repeat(maxLineLength)}\n`)).toHaveLength(1)
  })

  it('gives the same lines however the bytes are cut', () => {
    const line = fc.json({ maxDepth: 2 }).map((text) => text.trim())
    const piece = fc.tuple(fc.oneof(line, fc.constant('')), fc.constantFrom('\n', '\r\n'))
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 8 }), fc.array(fc.nat(5_000), { maxLength: 12 }), (pieces, places) => {
        const bytes = bytesOf(pieces.map(([text, end]) => text + end).join(''))
        const expected = pieces.map(([text]) => text).filter((text) => text !== '')
        expect(decode(cut(bytes, places))).toEqual(expected)
        expect(decode([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
})
