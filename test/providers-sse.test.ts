import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { EventBatch, maxDeltaLength } from '../src/providers/event-batch.ts'
import { maxEventLength, SseDecoder } from '../src/providers/sse.ts'

function decode(reads: readonly Uint8Array[]): string[] {
  const decoder = new SseDecoder()
  return [...reads.flatMap((bytes) => decoder.push(bytes)), ...decoder.end()]
}

const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text)
const decodeText = (text: string): string[] => decode([bytesOf(text)])

/** `bytes` cut at the given places. */
function cut(bytes: Uint8Array, places: readonly number[]): Uint8Array[] {
  const ends = [...new Set(places.map((place) => place % (bytes.length + 1))), bytes.length].sort((a, b) => a - b)
  return ends.map((end, index) => bytes.slice(ends[index - 1] ?? 0, end))
}

describe('the SSE decoder', () => {
  it('takes every line end that the standard knows', () => {
    for (const end of ['\n', '\r\n', '\r'])
      expect(decodeText(`data: a${end}${end}data: b${end}${end}`)).toEqual(['a', 'b'])
  })

  it('joins the lines of one event, drops one leading space, and takes a field without a colon', () => {
    expect(decodeText('data: a\ndata:  b\ndata\ndata:\n\n')).toEqual(['a\n b\n\n'])
  })

  it('drops comments, other fields, and events without data', () => {
    expect(decodeText(': hello\n\nevent: x\nid: 1\nretry: 5\n\ndatabase: no\ndata: yes\n\n')).toEqual(['yes'])
  })

  it('drops a byte order mark at the start', () => {
    expect(decodeText('\uFEFFdata: a\n\n')).toEqual(['a'])
  })

  it('gives the last event though its empty line, or its line end, is missing', () => {
    expect(decodeText('data: a\n\ndata: [DONE]')).toEqual(['a', '[DONE]'])
    expect(decodeText('data: a\r\n\r\ndata: b\r')).toEqual(['a', 'b'])
  })

  it('turns bytes that are no UTF-8 into U+FFFD', () => {
    expect(decode([bytesOf('data: a'), Uint8Array.of(0xff, 0xe2, 0x82), bytesOf('b\n\n')])).toEqual(['a\uFFFD\uFFFDb'])
  })

  it('refuses a line that never ends, and an event that never ends, and keeps what came before', () => {
    const endlessLine = new SseDecoder()
    const piece = bytesOf('x'.repeat(65_536))
    for (let read = 0; read < 20; read++) expect(endlessLine.push(piece)).toEqual([])
    expect(endlessLine.isTooLong).toBe(true)
    expect(endlessLine.push(bytesOf('\n\ndata: late\n\n'))).toEqual([])

    const lines = `data: ${'x'.repeat(1_000)}\n`.repeat(Math.ceil(maxEventLength / 1_000) + 1)
    const endlessEvent = new SseDecoder()
    expect(endlessEvent.push(bytesOf(`data: early\n\n${lines}\ndata: late\n\n`))).toEqual(['early'])
    expect(endlessEvent.isTooLong).toBe(true)
  })

  it('gives the same payloads however the bytes are cut', () => {
    const line = fc.string({ unit: 'grapheme', maxLength: 20 }).map((text) => text.replaceAll(/[\r\n]/g, ''))
    const end = fc.constantFrom('\n', '\r\n', '\r')
    const field = fc.oneof(
      line.map((text) => ({ text: `data: ${text}`, data: text as string | undefined })),
      line.map((text) => ({ text: `: ${text}`, data: undefined })),
    )
    const event = fc.tuple(fc.array(field, { minLength: 1, maxLength: 4 }), end)
    fc.assert(
      fc.property(fc.array(event, { maxLength: 8 }), fc.array(fc.nat(5_000), { maxLength: 12 }), (events, places) => {
        const text = events.map(([fields, eol]) => `${fields.map((one) => one.text + eol).join('')}${eol}`).join('')
        const expected = events.flatMap(([fields]) => {
          const data = fields.flatMap((one) => (one.data === undefined ? [] : [one.data]))
          return data.length > 0 ? [data.join('\n')] : []
        })
        // The mark that a text may begin with is no part of it.
        const bytes = bytesOf(text)
        expect(decode(cut(bytes, places))).toEqual(expected)
        expect(decode([...bytes].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })
})

describe('a batch of events', () => {
  it('joins neighbours of a kind, and adds up to what went in, in well-formed deltas of bounded size', () => {
    const unit = fc.constantFrom('a', '\0', '\ud83d', '\ude00', '🎉', 'é')
    const piece = fc.oneof(
      fc.string({ unit, maxLength: 6 }),
      fc.nat(40_000).map((length) => '😀'.repeat(length >> 1)),
    )
    fc.assert(
      fc.property(fc.array(fc.tuple(piece, fc.boolean()), { maxLength: 12 }), (reads) => {
        const batch = new EventBatch()
        const events = reads.flatMap(([text, taken]) => {
          batch.delta('text-delta', text)
          return taken ? batch.take() : []
        })
        events.push(...batch.take({ last: true }))
        const texts = events.map((event) => (event.type === 'text-delta' ? event.text : ''))
        const whole = reads.map(([text]) => text).join('')
        expect(texts.join('')).toBe(whole.toWellFormed().replaceAll('\0', '\uFFFD'))
        for (const text of texts) {
          expect(text.isWellFormed()).toBe(true)
          expect(text.length).toBeGreaterThan(0)
          expect(text.length).toBeLessThanOrEqual(maxDeltaLength)
        }
      }),
      { numRuns: 200 },
    )
  })

  it('never joins across a change of kind', () => {
    const batch = new EventBatch()
    for (const text of ['a', 'b']) batch.delta('reasoning-delta', text)
    batch.delta('text-delta', 'c')
    batch.delta('reasoning-delta', 'd')
    expect(batch.take()).toEqual([
      { type: 'reasoning-delta', text: 'ab' },
      { type: 'text-delta', text: 'c' },
      { type: 'reasoning-delta', text: 'd' },
    ])
  })
})
