import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AssistantPart, type Transcript, toolCallsOf } from '../src/chat/transcript.ts'
import { argumentsObject, repairHistory, toolNames } from '../src/providers/history.ts'
import { transcripts } from './support/transcripts.ts'

const own = { kind: 'own', signature: 's' }
const anyTranscript = transcripts({ providerId: 'own', ownData: [own] })

const call = (id: string): AssistantPart => ({
  type: 'tool-call',
  id,
  name: 'weather',
  arguments: '{}',
  providerData: null,
})
const result = (toolCallId: string, text: string) => ({ role: 'tool' as const, toolCallId, text, isError: false })

describe('a repaired history', () => {
  it('has exactly one result for each call, in the order of the calls, right after their turn', () => {
    fc.assert(
      fc.property(anyTranscript, (transcript) => {
        const { turns } = repairHistory(transcript, 'own')
        const ids = new Set<string>()
        for (let index = 0; index < turns.length; ) {
          const turn = turns[index++]
          expect(turn?.role).not.toBe('tool')
          if (turn?.role !== 'assistant') continue
          for (const { id } of toolCallsOf(turn)) {
            expect(ids).not.toContain(id)
            expect(id).not.toBe('')
            ids.add(id)
            expect(turns[index++]).toMatchObject({ role: 'tool', toolCallId: id })
          }
        }
      }),
    )
  })

  it('has a turn, none that is empty, and no data of another provider', () => {
    fc.assert(
      fc.property(anyTranscript, (transcript) => {
        const { turns } = repairHistory(transcript, 'own')
        expect(turns.length).toBeGreaterThan(0)
        for (const turn of turns) {
          if (turn.role === 'user') expect(turn.text !== '' || (turn.files?.length ?? 0) > 0).toBe(true)
          if (turn.role !== 'assistant') continue
          expect(turn.parts.length).toBeGreaterThan(0)
          if (turn.providerId !== 'own')
            expect(turn.parts.every(({ providerData }) => providerData === null)).toBe(true)
        }
      }),
    )
  })

  it('loses no text of users, no text of assistants and no result of a call that was made', () => {
    fc.assert(
      fc.property(anyTranscript, (transcript) => {
        const { turns, instructions } = repairHistory(transcript, 'own')
        const texts = (said: Transcript) =>
          said.flatMap((turn) => {
            if (turn.role === 'user') return [turn.text]
            return turn.role === 'assistant'
              ? turn.parts.map((part) => (part.type === 'tool-call' ? part.arguments : part.text))
              : []
          })
        const before = texts(transcript).filter((text) => text !== '')
        const after = texts(turns).filter((text) => text !== '')
        if (before.length > 0) expect(after).toEqual(before)
        for (const turn of transcript) if (turn.role === 'system') expect(instructions).toContain(turn.text)
      }),
    )
  })

  it('gives back what is valid as it is', () => {
    fc.assert(
      fc.property(anyTranscript, (transcript) => {
        const once = repairHistory(transcript, 'own').turns
        expect(repairHistory(once, 'own').turns).toEqual(once)
      }),
    )
  })

  it('orders results as the calls were made, and drops those that nobody asked for', () => {
    const { turns } = repairHistory(
      [
        result('nobody', 'dropped'),
        { role: 'assistant', providerId: null, parts: [call('a'), call('b')] },
        result('b', 'second'),
        { role: 'user', text: 'And?' },
        result('a', 'first'),
        result('a', 'again'),
      ],
      'own',
    )
    expect(turns.slice(1)).toEqual([result('a', 'first'), result('b', 'second'), { role: 'user', text: 'And?' }])
  })

  it('tells the model of a call whose result is lost', () => {
    const { turns } = repairHistory([{ role: 'assistant', providerId: null, parts: [call('a')] }], 'own')
    expect(turns[1]).toMatchObject({ role: 'tool', toolCallId: 'a', isError: true })
  })

  it('tells calls with the same id apart, and gives each its own result', () => {
    const { turns } = repairHistory(
      [
        { role: 'assistant', providerId: null, parts: [call('a'), call('a'), call('')] },
        result('a', 'first'),
        result('a', 'second'),
      ],
      'own',
    )
    expect(turns.slice(1, 3)).toEqual([result('a', 'first'), result('a_2', 'second')])
    expect(toolNames(turns)).toEqual(
      new Map([
        ['a', 'weather'],
        ['a_2', 'weather'],
        ['call', 'weather'],
      ]),
    )
  })
})

describe('arguments', () => {
  it.each([
    ['', {}],
    [' ', {}],
    ['{"city":"Oslo"}', { city: 'Oslo' }],
    ['{"city":', { arguments: '{"city":' }],
    ['[1]', { arguments: '[1]' }],
    ['null', { arguments: 'null' }],
  ])('%j as an object are %j', (text, object) => {
    expect(argumentsObject(text)).toEqual(object)
  })
})
