import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  appendText,
  appendToolCall,
  finishPart,
  type MessagePart,
  type MessagePiece,
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

  it("give back what providers want with a part, with the part's own text, also where that is empty", () => {
    const written = fc.record({
      type: fc.constantFrom('text' as const, 'reasoning' as const),
      text: fc.string({ unit: 'grapheme', maxLength: 5 }),
      data: fc.option(fc.record({ signature: fc.string() }), { nil: null }),
    })
    const turn = fc.array(fc.oneof(written, fc.constant({ type: 'tool-call' as const })), { maxLength: 6 })
    fc.assert(
      fc.property(fc.array(turn, { maxLength: 4 }), (turns) => {
        let parts: readonly MessagePart[] = []
        const joined = { text: '', reasoning: '' }
        const expected: MessagePiece[] = []
        turns.forEach((steps, step) => {
          for (const [index, event] of steps.entries()) {
            if (event.type === 'tool-call') {
              const toolCallId = `call ${step} ${index}`
              parts = appendToolCall(parts, step, toolCallId)
              expected.push({ type: 'tool-call', step, toolCallId })
              continue
            }
            const { type, text, data: providerData } = event
            parts = appendText(parts, type, step, text.length)
            if (providerData) parts = finishPart(parts, type, step, providerData)
            joined[type] += text
            const last = expected.at(-1)
            const isOpen = last?.type === type && last.step === step && last.providerData === null
            if (isOpen) expected[expected.length - 1] = { ...last, text: last.text + text, providerData }
            else if (text !== '' || providerData) expected.push({ type, step, text, providerData })
          }
        })
        const stored = parseParts(JSON.parse(JSON.stringify(parts)))
        expect(splitParts({ ...joined, reasoning: joined.reasoning || null, parts: stored })).toEqual(expected)
      }),
    )
  })

  it("lose a provider's data with the text that it belongs to", () => {
    const parts = finishPart(appendText([], 'text', 0, 3), 'text', 0, { signature: 'of abc' })
    expect(splitParts({ text: 'ab', reasoning: null, parts })).toEqual([
      { type: 'text', step: 0, text: 'ab', providerData: null },
    ])
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
      { type: 'text', step: 0, text: 'ab', providerData: null },
      { type: 'tool-call', step: 0, toolCallId: 'call' },
      { type: 'text', step: 1, text: 'cde', providerData: null },
    ])
    expect([...piecesByStep(pieces).keys()]).toEqual([0, 1])
  })

  it('lose no text of a message that was corrected', () => {
    const parts = appendText([], 'text', 0, 3)
    expect(splitParts({ text: 'abcdef', reasoning: null, parts })).toEqual([
      { type: 'text', step: 0, text: 'abc', providerData: null },
      { type: 'text', step: 0, text: 'def', providerData: null },
    ])
  })

  it('are refused where the column holds something else', () => {
    expect(() => parseParts([{ type: 'text', step: 0, length: -1 }])).toThrow()
    expect(() => parseParts({})).toThrow()
  })
})
