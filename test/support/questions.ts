import type { JsonObject } from '../../src/platform/json.ts'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import type { ElicitationRequest } from '../../src/tools/tool.ts'
import {
  AnswerElicitationDocument,
  type AnswerElicitationInput,
  ListPendingElicitationsDocument,
} from '../generated/graphql.ts'
import { askForTools } from './asking.ts'
import type { TestClient } from './client.ts'
import { type Asked, ask } from './conversation.ts'
import { type EventOf, Follower } from './follower.ts'
import type { ScriptedModel } from './scripted-model.ts'
import type { TestServer } from './server.ts'

/** A tool that asks whatever it is called with, all at once, and tells what was answered. */
export const inquirer: BuiltinTool = {
  name: 'inquire',
  title: 'Inquire',
  description: 'Asks the person.',
  inputSchema: { type: 'object', properties: { questions: { type: 'array' } }, required: ['questions'] },
  isReadOnly: true,
  async run({ arguments: { questions }, elicit }, signal) {
    if (!elicit) throw new Error('nobody can be asked')
    const asked = questions as unknown as readonly ElicitationRequest[]
    const answers = await Promise.all(asked.map((question) => elicit(question, signal)))
    return { output: JSON.stringify(answers), result: { answers }, isError: false }
  },
}

export const nameQuestion = {
  message: 'Who are you?',
  requestedSchema: {
    type: 'object',
    properties: {
      name: { type: 'string', title: 'Name', minLength: 2 },
      age: { type: 'integer', minimum: 0, maximum: 150 },
    },
    required: ['name'],
  },
} as const

export const fieldQuestion = (field: JsonObject, required = true): ElicitationRequest => ({
  message: 'Which?',
  requestedSchema: { type: 'object', properties: { field }, ...(required && { required: ['field'] }) },
})

/** A call that asks a question, and a follower that has seen all until then. */
export interface Asking extends Asked, AsyncDisposable {
  readonly elicitation: EventOf<'ElicitationRequested'>['elicitation']
  readonly watcher: Follower
}

/** A run whose tool asks these questions. */
export async function startInquiry(
  { model, client, server }: { model: ScriptedModel; client: TestClient; server: TestServer },
  questions: readonly ElicitationRequest[],
): Promise<Asked & { readonly watcher: Follower }> {
  askForTools(model, [{ id: 'call_1', name: 'inquire', arguments: { questions } }])
  const asked = await ask(client, 'Ask me')
  const { threadId, runId, streamCursor } = asked
  const watcher = await Follower.open(server, { threadId, runId, after: streamCursor })
  return { ...asked, watcher }
}

export async function startQuestion(
  place: { model: ScriptedModel; client: TestClient; server: TestServer },
  question: ElicitationRequest = nameQuestion,
): Promise<Asking> {
  const inquiry = await startInquiry(place, [question])
  const { watcher } = inquiry
  const { elicitation } = await watcher.nextOf('ElicitationRequested')
  return { ...inquiry, elicitation, [Symbol.asyncDispose]: () => watcher[Symbol.asyncDispose]() }
}

export async function answer(client: TestClient, input: AnswerElicitationInput): Promise<string> {
  return (await client.request(AnswerElicitationDocument, { input })).answerElicitation.elicitationId
}

/** The error that an answer is refused with. */
export async function refusalOf(client: TestClient, input: AnswerElicitationInput) {
  const { errors } = await client.respond(AnswerElicitationDocument, { input })
  const [error] = errors
  return error ? { code: error.extensions.code, field: error.extensions.field, message: error.message } : null
}

export async function pendingQuestions(client: TestClient) {
  return (await client.request(ListPendingElicitationsDocument, {})).pendingElicitations
}

/** What the tool was answered, once its run has ended. */
export async function answersOf({ watcher }: Pick<Asking, 'watcher'>): Promise<unknown> {
  const events = await watcher.collect()
  for (const event of events.toReversed())
    if (event.__typename === 'ToolCallChanged' && event.toolCall.status === 'SUCCEEDED')
      return (event.toolCall.result as { readonly answers: unknown }).answers
  throw new Error(`the call did not succeed: ${JSON.stringify(events.at(-1))}`)
}
