import {
  CompleteDocument,
  CreateThreadDocument,
  EditMessageDocument,
  RegenerateMessageDocument,
  SendMessageDocument,
  UpdateMessageDocument,
  UpdateThreadDocument,
} from '../generated/graphql.ts'
import type { Asked } from './conversation.ts'

export const operations = {
  sendMessage: SendMessageDocument,
  regenerateMessage: RegenerateMessageDocument,
  editMessage: EditMessageDocument,
  updateMessage: UpdateMessageDocument,
  createThread: CreateThreadDocument,
  updateThread: UpdateThreadDocument,
  complete: CompleteDocument,
}
type Operation = keyof typeof operations

const text = 'Hello'
const loneSurrogate = 'half \ud83d of a pair'
const nul = 'a \0 in it'
const long = 'x'.repeat(1024 * 1024)
const proto: unknown = JSON.parse('{"__proto__": {"isAdmin": true}}')

type Case = readonly [
  what: string,
  operation: Operation,
  input: Readonly<Record<string, unknown>>,
  code: string,
  field: string | undefined,
]

/** What must be refused. `own`, `other` and `deleted` are ids that exist: of two threads, and of a deleted one. */
export function refusedInputs({ own, other, deleted }: Record<'own' | 'other' | 'deleted', Asked>): readonly Case[] {
  return [
    ['a number for a text', 'sendMessage', { text: 5 }, 'BAD_USER_INPUT', 'text'],
    ['a list for a text', 'sendMessage', { text: ['a', 'b'] }, 'BAD_USER_INPUT', 'text'],
    [
      'a text for a number',
      'sendMessage',
      { text, options: { temperature: 'warm' } },
      'BAD_USER_INPUT',
      'options.temperature',
    ],
    ['a missing text', 'sendMessage', {}, 'BAD_USER_INPUT', 'text'],
    ['a null text', 'sendMessage', { text: null }, 'BAD_USER_INPUT', 'text'],
    ['an unknown field', 'sendMessage', { text, colour: 'red' }, 'BAD_USER_INPUT', 'colour'],
    ['an unknown policy', 'sendMessage', { text, whenBusy: 'LATER' }, 'BAD_USER_INPUT', 'whenBusy'],
    ['an empty text', 'sendMessage', { text: '' }, 'BAD_USER_INPUT', 'text'],
    ['a blank text', 'sendMessage', { text: ' \n\t' }, 'BAD_USER_INPUT', 'text'],
    ['a text of 1 MB', 'sendMessage', { text: long }, 'TOO_LARGE', 'text'],
    ['a NUL in a text', 'sendMessage', { text: nul }, 'BAD_USER_INPUT', 'text'],
    ['a lone surrogate in a text', 'sendMessage', { text: loneSurrogate }, 'BAD_USER_INPUT', 'text'],
    ['a NUL in a key', 'sendMessage', { text, idempotencyKey: nul }, 'BAD_USER_INPUT', 'idempotencyKey'],
    ['an empty key', 'sendMessage', { text, idempotencyKey: '' }, 'BAD_USER_INPUT', 'idempotencyKey'],
    ['a long key', 'sendMessage', { text, idempotencyKey: long }, 'TOO_LARGE', 'idempotencyKey'],
    ['a thread that is none', 'sendMessage', { text, threadId: 'thread_0' }, 'NOT_FOUND', 'threadId'],
    ['a NUL in an id', 'sendMessage', { text, threadId: `${own.threadId}\0` }, 'NOT_FOUND', 'threadId'],
    ['a lone surrogate in an id', 'sendMessage', { text, threadId: loneSurrogate }, 'NOT_FOUND', 'threadId'],
    ["a message's id for a thread's", 'sendMessage', { text, threadId: own.answerId }, 'NOT_FOUND', 'threadId'],
    [
      "a run's id for a message's",
      'sendMessage',
      { text, threadId: own.threadId, parentId: own.runId },
      'NOT_FOUND',
      'parentId',
    ],
    [
      'a parent in another thread',
      'sendMessage',
      { text, threadId: own.threadId, parentId: other.answerId },
      'NOT_FOUND',
      'parentId',
    ],
    ['a parent without a thread', 'sendMessage', { text, parentId: own.answerId }, 'BAD_USER_INPUT', 'parentId'],
    ['a deleted thread', 'sendMessage', { text, threadId: deleted.threadId }, 'NOT_FOUND', 'threadId'],
    ['an unknown model', 'sendMessage', { text, modelId: 'scripted/none' }, 'BAD_USER_INPUT', 'modelId'],
    ['a model of an unknown provider', 'sendMessage', { text, modelId: 'none/none' }, 'BAD_USER_INPUT', 'modelId'],
    ['a model without a provider', 'sendMessage', { text, modelId: 'scripted-model' }, 'BAD_USER_INPUT', 'modelId'],
    ['a model called __proto__', 'sendMessage', { text, modelId: '__proto__/x' }, 'BAD_USER_INPUT', 'modelId'],
    ['a NUL in a model', 'sendMessage', { text, modelId: `scripted/${nul}` }, 'BAD_USER_INPUT', 'modelId'],
    [
      'a model of a disabled provider',
      'sendMessage',
      { text, modelId: 'disabled/scripted-model' },
      'PROVIDER_UNAVAILABLE',
      'modelId',
    ],
    [
      'a temperature of 3',
      'sendMessage',
      { text, options: { temperature: 3 } },
      'BAD_USER_INPUT',
      'options.temperature',
    ],
    [
      'no output tokens',
      'sendMessage',
      { text, options: { maxOutputTokens: 0 } },
      'BAD_USER_INPUT',
      'options.maxOutputTokens',
    ],
    ['no steps', 'sendMessage', { text, options: { maxSteps: 0 } }, 'BAD_USER_INPUT', 'options.maxSteps'],
    [
      'a NUL in an option',
      'sendMessage',
      { text, options: { toolChoice: nul } },
      'BAD_USER_INPUT',
      'options.toolChoice',
    ],

    ['a thread for a message', 'regenerateMessage', { messageId: own.threadId }, 'NOT_FOUND', 'messageId'],
    ['a message that is none', 'regenerateMessage', { messageId: 'message_0' }, 'NOT_FOUND', 'messageId'],
    ['a message of a deleted thread', 'regenerateMessage', { messageId: deleted.answerId }, 'NOT_FOUND', 'messageId'],
    ['an unknown model', 'regenerateMessage', { messageId: own.answerId, modelId: 'a/b' }, 'BAD_USER_INPUT', 'modelId'],

    ['an answer', 'editMessage', { messageId: own.answerId, text }, 'BAD_USER_INPUT', 'messageId'],
    ['an empty text', 'editMessage', { messageId: own.questionId, text: '' }, 'BAD_USER_INPUT', 'text'],
    ['a NUL', 'editMessage', { messageId: own.questionId, text: nul }, 'BAD_USER_INPUT', 'text'],
    ['a message of a deleted thread', 'editMessage', { messageId: deleted.questionId, text }, 'NOT_FOUND', 'messageId'],

    ['a text of null', 'updateMessage', { messageId: own.answerId, text: null }, 'BAD_USER_INPUT', 'text'],
    ['a text of 1 MB', 'updateMessage', { messageId: own.answerId, text: long }, 'TOO_LARGE', 'text'],
    ['a lone surrogate', 'updateMessage', { messageId: own.answerId, text: loneSurrogate }, 'BAD_USER_INPUT', 'text'],
    [
      'a status that is not final',
      'updateMessage',
      { messageId: own.answerId, status: 'STREAMING' },
      'BAD_USER_INPUT',
      'status',
    ],
    ['a status of null', 'updateMessage', { messageId: own.answerId, status: null }, 'BAD_USER_INPUT', 'status'],
    ['a message of a deleted thread', 'updateMessage', { messageId: deleted.answerId, text }, 'NOT_FOUND', 'messageId'],

    ['__proto__ in metadata', 'createThread', { metadata: proto }, 'BAD_USER_INPUT', 'metadata'],
    [
      '__proto__ deep in metadata',
      'createThread',
      { metadata: { a: [{ b: proto }] } },
      'BAD_USER_INPUT',
      'metadata.a.0.b',
    ],
    ['a list for metadata', 'createThread', { metadata: [1] }, 'BAD_USER_INPUT', 'metadata'],
    ['a NUL in metadata', 'createThread', { metadata: { a: nul } }, 'BAD_USER_INPUT', 'metadata.a'],
    [
      'a lone surrogate in metadata',
      'createThread',
      { metadata: { [loneSurrogate]: 1 } },
      'BAD_USER_INPUT',
      'metadata',
    ],
    ['metadata of 1 MB', 'createThread', { metadata: { a: long } }, 'TOO_LARGE', 'metadata'],
    ['a title of 1 MB', 'createThread', { title: long }, 'TOO_LARGE', 'title'],
    ['a NUL in the title', 'createThread', { title: nul }, 'BAD_USER_INPUT', 'title'],
    ['an unknown model', 'createThread', { modelId: 'scripted/none' }, 'BAD_USER_INPUT', 'modelId'],
    [
      '__proto__ in metadata',
      'updateThread',
      { threadId: own.threadId, metadata: proto },
      'BAD_USER_INPUT',
      'metadata',
    ],
    [
      'a lone surrogate in instructions',
      'updateThread',
      { threadId: own.threadId, instructions: loneSurrogate },
      'BAD_USER_INPUT',
      'instructions',
    ],
    ['a deleted thread', 'updateThread', { threadId: deleted.threadId, title: 'New' }, 'NOT_FOUND', 'threadId'],
    ["a run's id", 'updateThread', { threadId: own.runId, title: 'New' }, 'NOT_FOUND', 'threadId'],

    ['no messages', 'complete', { messages: [] }, 'BAD_USER_INPUT', 'messages'],
    ['an unknown role', 'complete', { messages: [{ role: 'GOD', text }] }, 'BAD_USER_INPUT', 'messages.0.role'],
    ['a NUL', 'complete', { messages: [{ role: 'USER', text: nul }] }, 'BAD_USER_INPUT', 'messages.0.text'],
    ['a text of 1 MB', 'complete', { messages: [{ role: 'USER', text: long }] }, 'TOO_LARGE', 'messages.0.text'],
    [
      'an unknown model',
      'complete',
      { messages: [{ role: 'USER', text }], modelId: 'a/b' },
      'BAD_USER_INPUT',
      'modelId',
    ],
    [
      'a model of a disabled provider',
      'complete',
      { messages: [{ role: 'USER', text }], modelId: 'disabled/scripted-model' },
      'PROVIDER_UNAVAILABLE',
      'modelId',
    ],
  ]
}
