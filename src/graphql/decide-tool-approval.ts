import type { Decided } from '../runs/decide.ts'
import { builder } from './builder.ts'
import { originOf, requireViewer } from './context.ts'
import { RunRef } from './run.ts'
import { ApprovalScopeRef, ToolApprovalRef } from './tool-approval.ts'

const ApprovalDecisionRef = builder.enumType('ApprovalDecision', {
  description: 'What a person says to a tool call.',
  values: {
    APPROVE: { description: 'It may be sent.' },
    DENY: { description: 'It is not sent; the model is told so, and why.' },
  } as const,
})

const ToolApprovalPayloadRef = builder.objectRef<Decided>('ToolApprovalPayload').implement({
  description: 'What became of an approval, and of the run that waited for it.',
  fields: (t) => ({
    approval: t.expose('approval', { type: ToolApprovalRef, description: 'As it is now.' }),
    run: t.expose('run', {
      type: RunRef,
      description: 'The run; it goes on when the last of its open calls is decided.',
    }),
  }),
})

const DecideToolApprovalInputRef = builder.inputType('DecideToolApprovalInput', {
  description: 'What a person says to a tool call.',
  fields: (t) => ({
    approvalId: t.id({ required: true, description: 'An approval of the caller that is PENDING.' }),
    decision: t.field({ type: ApprovalDecisionRef, required: true, description: 'Whether the call may be sent.' }),
    reason: t.string({ description: 'Why; the model is told it with DENY. At most 4,000 characters.' }),
    arguments: t.field({
      type: 'JSON',
      description:
        "An object that is sent in place of the arguments that were shown; it has to fit the tool's schema. With APPROVE only.",
    }),
    scope: t.field({
      type: ApprovalScopeRef,
      defaultValue: 'ONCE',
      description:
        'How long it holds. With THREAD and ALWAYS the tool runs unasked from now on, as long as it stays as it was shown, and its other calls that wait in this thread, or in all threads of the caller, are approved with it, each with its own arguments and its own record. `revokeToolGrant` takes it back.',
    }),
  }),
})

builder.mutationField('decideToolApproval', (t) =>
  t.field({
    type: ToolApprovalPayloadRef,
    description:
      'The first decision is the one that counts; any later one is CONFLICT, as is one after the approval has expired or its run has ended.',
    args: { input: t.arg({ type: DecideToolApprovalInputRef, required: true, description: 'The decision.' }) },
    resolve: (_root, { input }, context) =>
      context.services.runs.decideToolApproval(requireViewer(context), input, originOf(context), context.signal),
  }),
)
