import { expect } from 'vitest'
import type { Transcript } from '../../src/chat/transcript.ts'
import type { ModelRequest, ToolDefinition } from '../../src/providers/provider.ts'
import { collect, providerOf, requestOf } from './provider-fixture.ts'
import { startScriptedModel } from './scripted-model.ts'
import type { ReceivedRequest, Wire, WireRequest } from './wire/wire.ts'

/** Tools to offer to a model. */
export const tools: readonly ToolDefinition[] = [
  {
    name: 'weather',
    description: 'The weather of a city.',
    inputSchema: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
  { name: 'time', description: null, inputSchema: { type: 'object', properties: {} } },
]

/** What the API reads of a request. */
export async function asked(
  wire: Wire,
  message: string | Transcript,
  request: Partial<ModelRequest> = {},
): Promise<WireRequest & Pick<ReceivedRequest, 'body'>> {
  await using model = await startScriptedModel({ wire })
  const { error } = await collect(providerOf({ kind: wire.kind, baseUrl: model.baseUrl }), requestOf(message, request))
  expect(error).toBeUndefined()
  const [received] = model.requests
  if (!received) throw new Error('nothing was asked')
  return { body: received.body, ...wire.read(received) }
}
