import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  appendText,
  appendToolCall,
  type MessagePart,
  parseParts,
  piecesByStep,
  splitParts,
} from '../src/chat/message-parts.ts'

const chunk = fc.record({
  type: fc.constantFrom('text' as const, 'reasoning' as const),
  step: fc.nat(3),
  text: fc.string({ minLength: 1, unit: 'grapheme' }),
})

describe('message parts', () => {
  it('give back every chunk that was appended, in order, from the joined texts', () => {
    fc.assert(
      fc.property(fc.array(chunk), (chunks) => {
        const inOrder = chunks.toSorted((left, right) => left.step - right.step)
        const parts = inOrder.reduce<readonly MessagePart[]>(
          (soFar, { type, step, text }) => appendText(soFar, type, step, text.length),
          [],
        )
        const joined = (type: string) => inOrder.flatMap((piece) => (piece.type === type ? piece.text : [])).join('')
        const pieces = splitParts({ text: joined('text'), reasoning: joined('reasoning'), parts: parseParts(parts) })
        const flat = (items: readonly { type: string; step: number; text?: string }[]) =>
          items.flatMap(({ type, step, text }) => [...(text ?? '')].map((unit) => `${type}${step}${unit}`))
        expect(flat(pieces)).toEqual(flat(inOrder))
      }),
    )
  })

  it('grow the last part while kind and step stay', () => {
    const parts = appendText(appendText([], 'text', 0, 3), 'text', 0, 4)
    expect(parts).toEqual([{ type: 'text', step: 0, length: 7 }])
    expect(appendText(parts, 'text', 0, 0)).toBe(parts)
    expect(appendText(parts, 'text', 1, 1)).toHaveLength(2)
  })

  it('keep tool calls in their place and in their step', () => {
    const parts = appendText(appendToolCall(appendText([], 'text', 0, 2), 0, 'call'), 'text', 1, 3)
    const pieces = splitParts({ text: 'abcde', reasoning: null, parts })
    expect(pieces).toEqual([
      { type: 'text', step: 0, text: 'ab' },
      { type: 'tool-call', step: 0, toolCallId: 'call' },
      { type: 'text', step: 1, text: 'cde' },
    ])
    expect([...piecesByStep(pieces).keys()]).toEqual([0, 1])
  })

  it('lose no text of a message that was corrected', () => {
    const parts = appendText([], 'text', 0, 3)
    expect(splitParts({ text: 'abcdef', reasoning: null, parts })).toEqual([
      { type: 'text', step: 0, text: 'abc' },
      { type: 'text', step: 0, text: 'def' },
    ])
    expect(splitParts({ text: 'a', reasoning: null, parts })).toEqual([{ type: 'text', step: 0, text: 'a' }])
  })

  it('are refused where the column holds something else', () => {
    expect(() => parseParts([{ type: 'text', step: 0, length: -1 }])).toThrow()
    expect(() => parseParts({})).toThrow()
  })
})
