import * as fc from 'fast-check'
import type { OpenAI } from 'openai'
import { describe, expect, it } from 'vitest'
import type { JsonObject } from '../src/platform/json.ts'
import { serverOf } from '../src/providers/openai-client.ts'
import { toChatRequest } from '../src/providers/openai-request.ts'
import { toResponsesRequest } from '../src/providers/openai-responses-request.ts'
import { requestOf } from './support/provider-fixture.ts'
import { transcripts } from './support/transcripts.ts'

// Whatever transcript the database holds becomes a request that OpenAI takes.

const server = serverOf({})
const numRuns = 1_000

describe('a Chat Completions request', () => {
  const ownData: readonly JsonObject[] = [
    { kind: 'openai', field: 'reasoning_content' },
    { kind: 'openai', details: [{ type: 'reasoning.encrypted', data: 'x' }] },
    { kind: 'openai', extraContent: { google: { thought_signature: 's' } } },
    { kind: 'openai', field: 7, details: 'x', extraContent: [] },
  ]

  it('follows the rules of the API for any transcript', () => {
    const body = transcripts({ providerId: 'openai', ownData }).map((transcript) =>
      toChatRequest(requestOf(transcript), { server, providerId: 'openai' }),
    )
    fc.assert(
      fc.property(body, ({ messages }) => {
        expect(messages.slice(1).some(({ role }) => role === 'system')).toBe(false)
        expect(['user', 'tool']).toContain(messages.at(-1)?.role)
        const open = new Set<string>()
        const seen = new Set<string>()
        for (const message of messages) {
          if (message.role === 'tool') {
            expect(open.delete(message.tool_call_id)).toBe(true)
            continue
          }
          expect(open.size).toBe(0)
          if (message.role === 'user') expect(message.content.length).toBeGreaterThan(0)
          if (message.role !== 'assistant') continue
          expect(Object.keys(message).filter((key) => key.startsWith('reasoning'))).toEqual([])
          if (!message.tool_calls) expect(message.content).not.toBe('')
          for (const call of message.tool_calls ?? []) {
            if (call.type !== 'function') throw new Error('no function')
            expect(seen.has(call.id)).toBe(false)
            expect(call.id).toMatch(/^[\w-]{1,40}$/)
            expect(call.function.name).toMatch(/^[\w-]{1,64}$/)
            expect(JSON.parse(call.function.arguments)).toBeTypeOf('object')
            seen.add(call.id)
            open.add(call.id)
          }
        }
        expect(open.size).toBe(0)
      }),
      { numRuns },
    )
  })
})

describe('a Responses request', () => {
  const kind = 'openai-responses'
  const ids = ['rs_1', 'rs_2', undefined]
  const ownData: readonly JsonObject[] = ids.flatMap((after) => [
    { kind, itemId: 'rs_1', encryptedContent: 'e', ...(after && { after }) },
    { kind, itemId: 'rs_2', sections: [{ type: 'reasoning_text', length: 5 }], ...(after && { after }) },
    { kind, itemId: 'rs_3', ...(after && { after }) },
    { kind, itemId: 'msg_1', phase: 'commentary', ...(after && { after }) },
    { kind, itemId: 'fc_1', refusal: true, ...(after && { after }) },
    { kind, itemId: 'msg_2', responseId: 'resp_1', ...(after && { after }) },
    { kind, itemId: 7, sections: 'x' },
  ])
  type Item = OpenAI.Responses.ResponseInputItem

  function check(items: readonly Item[], { whole }: { whole: boolean }): void {
    expect(items.length).toBeGreaterThan(0)
    const itemIds = items.flatMap((item) => ('id' in item && item.id ? [item.id] : []))
    expect(new Set(itemIds).size).toBe(itemIds.length)
    const asked = new Set<string>()
    items.forEach((item, index) => {
      const next = items[index + 1]
      switch (item.type) {
        case 'reasoning':
          // The API's words: provided without its required following item.
          expect(['reasoning', 'function_call', 'message']).toContain(next?.type)
          if (next?.type === 'message') expect(next.role).toBe('assistant')
          expect(item.encrypted_content || item.content?.length).toBeTruthy()
          return
        case 'function_call':
          expect(asked.has(item.call_id)).toBe(false)
          asked.add(item.call_id)
          expect(item.call_id).toMatch(/^[\w-]{1,64}$/)
          expect(item.name).toMatch(/^[\w-]{1,64}$/)
          expect(item.id ?? 'fc_').toMatch(/^fc/)
          expect(JSON.parse(item.arguments)).toBeTypeOf('object')
          return
        case 'function_call_output':
          if (whole) expect(asked.delete(`${item.call_id}`)).toBe(true)
          return
        case 'message':
          if (item.role === 'assistant') expect('id' in item ? `${item.id}` : 'msg_').toMatch(/^msg/)
          else expect(item.content.length).toBeGreaterThan(0)
          return
        default:
          throw new Error(`an item of type ${item.type}`)
      }
    })
    if (whole) expect(asked.size).toBe(0)
    const last = items.at(-1)
    expect(last?.type === 'function_call_output' || (last?.type === 'message' && last.role === 'user')).toBe(true)
  }

  const without = new Set<never>()
  it.each([false, true])(
    'follows the rules of the API for any transcript; responses are kept: %s',
    (keepsConversations) => {
      fc.assert(
        fc.property(transcripts({ providerId: kind, ownData }), (transcript) => {
          const target = { server, providerId: kind, keepsConversations, without }
          const { body, usesKept } = toResponsesRequest(requestOf(transcript), target)
          expect('previous_response_id' in body).toBe(usesKept)
          check(body.input as Item[], { whole: !usesKept })
        }),
        { numRuns },
      )
    },
  )
})
