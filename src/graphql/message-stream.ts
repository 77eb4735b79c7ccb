import type * as Model from '../providers/model-event.ts'
import type * as Event from '../runs/run-event.ts'
import type { Recorded } from '../runs/run-event.ts'
import { builder } from './builder.ts'
import { requireViewer } from './context.ts'
import { type Delivered, shownMessage, shownRun, withRow } from './event-rows.ts'
import { frozenMessage, MessageRef } from './message.ts'
import { RunRef, RunStatusRef } from './run.ts'

/** The type that each event has in the API; the others never reach a subscriber. */
const typeNames = {
  'message-snapshot': 'MessageSnapshot',
  'stream-reset': 'StreamReset',
  'message-changed': 'MessageChanged',
  'run-status-changed': 'RunStatusChanged',
  'text-delta': 'TextDelta',
  'reasoning-delta': 'ReasoningDelta',
  'tool-call-changed': 'ToolCallChanged',
  'tool-progressed': 'ToolProgress',
  'approval-requested': 'ToolApprovalRequested',
  'approval-decided': 'ToolApprovalDecided',
  'elicitation-requested': 'ElicitationRequested',
  'elicitation-closed': 'ElicitationClosed',
  'model-switched': 'ModelSwitched',
  'message-finished': 'MessageFinished',
  'run-heartbeat': 'RunHeartbeat',
} as const satisfies Partial<Record<Event.RunEvent['type'], string>>

export const MessageStreamEventRef = builder.interfaceRef<Recorded>('MessageStreamEvent').implement({
  description:
    'Something that happened in a thread. Its cursor can be given as `after`; cursors never go back. Its scalars tell what happened; its objects are as they stand at delivery, never older than the event. `runId` is null where no run is meant.',
  resolveType: ({ event }) => (event.type in typeNames ? typeNames[event.type as keyof typeof typeNames] : undefined),
  fields: (t) => ({
    cursor: t.exposeString('cursor', { description: 'Give it as `after` to go on behind this event.' }),
    threadId: t.exposeID('threadId', { description: 'The thread that it happened in.' }),
    runId: t.exposeID('runId', {
      description: 'The run that it belongs to; null where no run is meant.',
      nullable: true,
    }),
    at: t.field({ type: 'DateTime', description: 'When it happened.', resolve: ({ at }) => new Date(at) }),
  }),
})

/** An object type for one kind of event. */
export function eventRef<Kind extends Event.RunEvent>(name: (typeof typeNames)[Kind['type'] & keyof typeof typeNames]) {
  return builder.objectRef<Delivered<Kind>>(name)
}

eventRef<Event.MessageSnapshot>('MessageSnapshot').implement({
  description: 'The whole of a message exactly as it was at this cursor: what came before the events that follow.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    message: t.field({
      type: MessageRef,
      nullable: false,
      description: 'The message, with the text and reasoning that it had.',
      resolve: (delivered) => {
        const { text, reasoning } = delivered.event
        return frozenMessage({ ...shownMessage(delivered), text, reasoning })
      },
    }),
  }),
})

eventRef<Event.StreamReset>('StreamReset').implement({
  description:
    'Events after your cursor are no longer held, or the thread was cleared or deleted: fetch again what you show.',
  interfaces: [MessageStreamEventRef],
})

function messageType(name: 'MessageChanged' | 'MessageFinished', description: string) {
  builder.objectRef<Delivered<Event.MessageChanged | Event.MessageFinished>>(name).implement({
    description,
    interfaces: [MessageStreamEventRef],
    fields: (t) => ({
      message: t.field({
        type: MessageRef,
        nullable: false,
        description: 'The message.',
        resolve: shownMessage,
      }),
    }),
  })
}

messageType(
  'MessageChanged',
  "A message was stored or corrected, or a file of it was deleted; a run's user message and its empty answer come before the run's first delta.",
)
messageType(
  'MessageFinished',
  "The run's message has its final text and status: COMPLETED, INTERRUPTED or FAILED. It comes before the run's last event.",
)

eventRef<Event.RunStatusChanged>('RunStatusChanged').implement({
  description: "A run got further. The one with a final status is the run's last event.",
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    status: t.field({ type: RunStatusRef, description: 'What it became.', resolve: ({ event }) => event.status }),
    run: t.field({
      type: RunRef,
      nullable: false,
      description: 'The run.',
      resolve: shownRun,
    }),
  }),
})

function deltaType(name: 'TextDelta' | 'ReasoningDelta', what: 'text' | 'reasoning') {
  builder.objectRef<Recorded<Model.TextDelta | Model.ReasoningDelta>>(name).implement({
    description: `More ${what}. \`offset\` is the length, in UTF-16 code units, of the message's ${what} before it.`,
    interfaces: [MessageStreamEventRef],
    fields: (t) => ({
      messageId: t.id({ description: 'The message that is written.', resolve: ({ messageId }) => messageId ?? '' }),
      offset: t.exposeInt('offset', { description: `The length of the message's ${what} before it.` }),
      text: t.string({ description: 'What is to be appended.', resolve: ({ event }) => event.text }),
    }),
  })
}

deltaType('TextDelta', 'text')
deltaType('ReasoningDelta', 'reasoning')

eventRef<Event.ModelSwitched>('ModelSwitched').implement({
  description: 'Before the first token only: another model took over.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    fromModelId: t.id({ description: 'The model that did not answer.', resolve: ({ event }) => event.fromModelId }),
    toModelId: t.id({ description: 'The model that answers instead.', resolve: ({ event }) => event.toModelId }),
    reason: t.string({ description: 'Why, for people.', resolve: ({ event }) => event.reason }),
  }),
})

eventRef<Event.RunHeartbeat>('RunHeartbeat').implement({
  description:
    'The run is alive though nothing else happened for ten seconds. Made for each subscriber and not kept: its cursor is that of the last event before it. None while the run waits.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    status: t.field({ type: RunStatusRef, description: 'What it is doing.', resolve: ({ event }) => event.status }),
  }),
})

builder.subscriptionField('messageStream', (t) =>
  t.field({
    type: MessageStreamEventRef,
    description: `The events of a thread. Without \`after\`, it opens with a snapshot of the message that is being written, if any, and
goes on live. With \`after\`, it opens with every event since that cursor or, where those are no longer held, with
\`StreamReset\` and a snapshot of the message that is being written, if any.

With \`runId\`, it carries that run alone and completes when the run has ended; waiting (AWAITING_…) is no end. Where
the run has ended already and no events since \`after\` are held, it gives a snapshot of the run's message, the last
\`RunStatusChanged\`, and completes. Without \`runId\`, it stays open across runs.

A subscription that is read too slowly gets snapshots in place of deltas, and in the end an error with the code
SLOW_CONSUMER: subscribe again with the last cursor.`,
    args: {
      threadId: t.arg.id({ required: true, description: 'A thread that is not deleted.' }),
      runId: t.arg.id({ description: 'A run of that thread.' }),
      after: t.arg.string({ description: 'The cursor of an event, or a `streamCursor`, of that thread.' }),
    },
    subscribe: (_root, args, context) => context.services.runs.follow(requireViewer(context), args),
    resolve: (recorded, _args, context) => withRow(recorded as Recorded, context),
  }),
)
