import type { ServerClient } from './server-client.ts'

const decideToolApproval = `mutation DecideToolApproval($input: DecideToolApprovalInput!) {
  decideToolApproval(input: $input) { approval { id status } }
}`

const answerElicitation = `mutation AnswerElicitation($input: AnswerElicitationInput!) {
  answerElicitation(input: $input) { elicitationId }
}`

/** A person's word on a tool call. */
export interface Decision {
  readonly decision: 'APPROVE' | 'DENY'
  readonly scope?: 'ONCE' | 'THREAD' | 'ALWAYS'
  readonly reason?: string
}

export async function decide(
  client: ServerClient,
  approvalId: string,
  decision: Decision,
  signal: AbortSignal,
): Promise<void> {
  await client.request(decideToolApproval, { input: { approvalId, ...decision } }, signal)
}

/** A person's answer to a tool's question. */
export type ElicitationAnswer =
  | { readonly action: 'ACCEPT'; readonly content: Readonly<Record<string, unknown>> }
  | { readonly action: 'DECLINE' }

export async function answer(
  client: ServerClient,
  elicitationId: string,
  given: ElicitationAnswer,
  signal: AbortSignal,
): Promise<void> {
  await client.request(answerElicitation, { input: { elicitationId, ...given } }, signal)
}
