import {
  FollowThreadDocument,
  ReadQuotaDocument,
  type ReadQuotaQuery,
  type SendMessageInput,
} from '../generated/graphql.ts'
import type { Response, TestClient } from './client.ts'
import { type Asked, ask, requestFor } from './conversation.ts'
import type { Exchange } from './exchange.ts'
import type { ScriptedModel } from './scripted-model.ts'

export type QuotaView = NonNullable<ReadQuotaQuery['viewer']>['quota']

export async function readQuota(client: TestClient): Promise<QuotaView> {
  const { viewer } = await client.request(ReadQuotaDocument, {})
  if (!viewer) throw new Error('nobody is signed in')
  return viewer.quota
}

/** A run whose model waits for the test; texts must differ. */
export async function askHeld(
  { model, client }: { readonly model: ScriptedModel; readonly client: TestClient },
  text: string,
  input: Partial<SendMessageInput> = {},
): Promise<Asked & { readonly exchange: Exchange }> {
  const asked = await ask(client, text, input)
  return { ...asked, exchange: await requestFor(model, text) }
}

/** Ends an answer, which says that it took so many tokens. */
export async function finishWith(exchange: Exchange, inputTokens: number, outputTokens: number): Promise<void> {
  await exchange.text('Done.')
  const counts = { inputTokens, outputTokens, reasoningTokens: 0, cachedInputTokens: 0 }
  await exchange.finish({ usage: exchange.wire.usage(counts) })
}

/** Returns when the run has ended: its stream completes then. */
export async function untilEnded(client: TestClient, { threadId, runId, streamCursor }: Asked): Promise<void> {
  for await (const _ of client.subscribe(FollowThreadDocument, { threadId, runId, after: streamCursor }));
}

/** The code and the details of a response's only error. */
export function refusal({ errors }: Response<unknown>): Record<string, unknown> {
  if (errors.length !== 1) throw new Error(`expected one error: ${JSON.stringify(errors)}`)
  return { ...errors[0]?.extensions }
}

export function nextMidnight(): string {
  return new Date((Math.floor(Date.now() / 86_400_000) + 1) * 86_400_000).toISOString()
}
