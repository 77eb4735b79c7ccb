import type * as Event from '../runs/run-event.ts'
import { ElicitationRef } from './elicitation.ts'
import { shownApproval, shownToolCall } from './event-rows.ts'
import { eventRef, MessageStreamEventRef } from './message-stream.ts'
import { ToolApprovalRef } from './tool-approval.ts'
import { ToolCallRef } from './tool-call.ts'

// The stream's events about tools. A field that several events have is of one type in all of them.

const callMessage = 'The message that the call belongs to.'

eventRef<Event.ToolCallChanged>('ToolCallChanged').implement({
  description: 'A tool call appeared, its arguments whole, or changed its status.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    messageId: t.id({ description: callMessage, resolve: ({ event }) => event.messageId }),
    toolCall: t.field({
      type: ToolCallRef,
      nullable: false,
      description: 'The call.',
      resolve: shownToolCall,
    }),
  }),
})

eventRef<Event.ToolProgressed>('ToolProgress').implement({
  description: 'A tool call that is running got further, as its tool says. Not every step of it comes.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    messageId: t.id({ description: callMessage, resolve: ({ event }) => event.messageId }),
    toolCallId: t.id({ description: 'The call.', resolve: ({ event }) => event.toolCallId }),
    progress: t.float({ description: 'How far it is.', resolve: ({ event }) => event.progress }),
    total: t.float({
      nullable: true,
      description: 'What `progress` is to become; null where nobody knows.',
      resolve: ({ event }) => event.total,
    }),
    detail: t.string({
      nullable: true,
      description: "What it is doing, in the tool's words; null where it does not say.",
      resolve: ({ event }) => event.detail,
    }),
  }),
})

function approvalType(name: 'ToolApprovalRequested' | 'ToolApprovalDecided', description: string) {
  eventRef<Event.ApprovalRequested | Event.ApprovalDecided>(name).implement({
    description,
    interfaces: [MessageStreamEventRef],
    fields: (t) => ({
      approval: t.field({
        type: ToolApprovalRef,
        nullable: false,
        description: 'The question and what became of it.',
        resolve: shownApproval,
      }),
    }),
  })
}

approvalType('ToolApprovalRequested', 'A tool call waits for a person to decide; `decideToolApproval` decides.')
approvalType(
  'ToolApprovalDecided',
  'The approval is no longer PENDING, for whatever reason, expiry and cancellation included.',
)

eventRef<Event.ElicitationRequested>('ElicitationRequested').implement({
  description: "A tool's server asks the person a question in the middle of a call; `answerElicitation` answers it.",
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    elicitation: t.field({
      type: ElicitationRef,
      nullable: false,
      description: 'The question.',
      resolve: ({ event }) => event.elicitation,
    }),
  }),
})

eventRef<Event.ElicitationClosed>('ElicitationClosed').implement({
  description: 'A question was answered, or is asked no more.',
  interfaces: [MessageStreamEventRef],
  fields: (t) => ({
    elicitationId: t.id({ description: 'The question.', resolve: ({ event }) => event.elicitationId }),
  }),
})
