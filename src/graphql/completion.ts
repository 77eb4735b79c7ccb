import { abortOnReturn } from '../platform/abort-on-return.ts'
import { parseJsonOrText } from '../platform/json.ts'
import type { ToolCallRequested } from '../providers/model-event.ts'
import {
  type Completion,
  type CompletionDependencies,
  type CompletionEvent,
  complete,
  streamCompletion,
} from '../runs/complete.ts'
import { builder } from './builder.ts'
import { CompletionInputRef, transcriptOf } from './completion-input.ts'
import { type Context, requireViewer } from './context.ts'
import { UsageRef } from './usage.ts'

const CompletionToolCallRef = builder.objectRef<ToolCallRequested>('CompletionToolCall').implement({
  description: 'A tool call that the model asks for; nothing runs it.',
  fields: (t) => ({
    id: t.id({ description: "The provider's id of the call.", resolve: ({ callId }) => callId }),
    name: t.exposeString('name', { description: "The tool's name." }),
    arguments: t.field({
      type: 'JSON',
      description:
        "What the tool is to be given. Where the model's arguments were no JSON, or nested too deep, its text as a JSON string.",
      resolve: (call) => parseJsonOrText(call.arguments),
    }),
  }),
})

const CompletionRef = builder.objectRef<Completion>('Completion').implement({
  description: 'One answer, stored nowhere.',
  fields: (t) => ({
    modelId: t.exposeID('modelId', { description: 'The model that answered.' }),
    text: t.exposeString('text', { description: 'The answer.' }),
    reasoning: t.exposeString('reasoning', {
      description: 'What the model thought; null where it shows nothing.',
      nullable: true,
    }),
    toolCalls: t.field({
      type: [CompletionToolCallRef],
      description: 'The `clientTools` that the model asks for.',
      resolve: ({ toolCalls }) => [...toolCalls],
    }),
    finishReason: t.exposeString('finishReason', {
      description: 'Why it ended: `stop`, `length`, `tool-calls`, `content-filter`, `interrupted` or `other`.',
    }),
    usage: t.expose('usage', { type: UsageRef, description: 'What it used.' }),
  }),
})

const CompletionPayloadRef = builder.objectRef<{ readonly completion: Completion }>('CompletionPayload').implement({
  description: 'What a completion gives.',
  fields: (t) => ({ completion: t.expose('completion', { type: CompletionRef, description: 'The answer.' }) }),
})

/** An event and when it was yielded. */
interface Timed<Event extends CompletionEvent = CompletionEvent> {
  readonly at: Date
  readonly event: Event
}
type Delta = Extract<CompletionEvent, { text: string }>
type Finished = Extract<CompletionEvent, { type: 'finished' }>

const typeNames = {
  'text-delta': 'CompletionTextDelta',
  'reasoning-delta': 'CompletionReasoningDelta',
  finished: 'CompletionFinished',
} as const satisfies Record<CompletionEvent['type'], string>

const CompletionEventRef = builder.interfaceRef<Timed>('CompletionEvent').implement({
  description: 'Part of a completion as it comes.',
  resolveType: ({ event }) => typeNames[event.type],
  fields: (t) => ({ at: t.expose('at', { type: 'DateTime', description: 'When it came.' }) }),
})

const deltaType = (name: 'CompletionTextDelta' | 'CompletionReasoningDelta', description: string) =>
  builder.objectRef<Timed<Delta>>(name).implement({
    description,
    interfaces: [CompletionEventRef],
    fields: (t) => ({ text: t.string({ description: 'What is to be appended.', resolve: ({ event }) => event.text }) }),
  })

deltaType('CompletionTextDelta', 'More text of the answer.')
deltaType('CompletionReasoningDelta', 'More of what the model thinks.')

builder.objectRef<Timed<Finished>>('CompletionFinished').implement({
  description: 'The answer is whole: the last event.',
  interfaces: [CompletionEventRef],
  fields: (t) => ({
    completion: t.field({
      type: CompletionRef,
      description: 'The whole answer.',
      resolve: ({ event }) => event.completion,
    }),
  }),
})

function requestOf(
  { messages, modelId, options, clientTools }: typeof CompletionInputRef.$inferInput,
  { services }: Context,
) {
  const transcript = transcriptOf(messages, services.config.maxMessageCharacters)
  return { transcript, modelId: modelId ?? null, options: options ?? null, clientTools: clientTools ?? [] }
}

function dependenciesOf({ services, log }: Context): CompletionDependencies {
  const { providers, quotas, config, tools } = services
  return { providers, quotas, generation: config.generation, schemas: tools.schemas, log }
}

builder.mutationField('complete', (t) =>
  t.field({
    type: CompletionPayloadRef,
    description: 'One answer to the given messages, stored nowhere.',
    args: { input: t.arg({ type: CompletionInputRef, required: true, description: 'The conversation.' }) },
    resolve: async (_root, { input }, context) => ({
      completion: await complete(
        requireViewer(context),
        requestOf(input, context),
        dependenciesOf(context),
        context.signal,
      ),
    }),
  }),
)

builder.subscriptionField('completionStream', (t) =>
  t.field({
    type: CompletionEventRef,
    description: 'The streaming twin of `complete`.',
    args: { input: t.arg({ type: CompletionInputRef, required: true, description: 'The conversation.' }) },
    subscribe: (_root, { input }, context): AsyncIterable<Timed> => {
      const viewer = requireViewer(context)
      const request = requestOf(input, context)
      const dependencies = dependenciesOf(context)
      return abortOnReturn(async function* (signal) {
        for await (const event of streamCompletion(viewer, request, dependencies, signal))
          yield { at: new Date(), event }
      }, context.signal)
    },
    resolve: (timed) => timed,
  }),
)
