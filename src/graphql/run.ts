import type { Run } from '../database/generated/client.ts'
import type { LiveRun } from '../runs/event-stream.ts'
import { isFinal, isParked } from '../runs/run-event.ts'
import { builder } from './builder.ts'
import { type Context, requireViewer } from './context.ts'
import { UsageRef, usageOfRun } from './usage.ts'

export const RunStatusRef = builder.enumType('RunStatus', {
  description:
    "How far a run is. AWAITING_APPROVAL if any call waits for a decision, else AWAITING_TOOL_RESULT if any waits for a client's result.",
  values: {
    QUEUED: { description: 'Stored; it starts when those before it in its thread have ended.' },
    RUNNING: { description: 'The model, or a tool, is at work.' },
    STREAMING: { description: 'Text is arriving.' },
    AWAITING_APPROVAL: { description: "It waits for a person's decision." },
    AWAITING_TOOL_RESULT: { description: "It waits for a client's result." },
    COMPLETED: { description: 'It ended as it should.' },
    INTERRUPTED: { description: 'It was stopped, by a person or by a crash.' },
    FAILED: { description: 'It ended with an error.' },
  } as const,
})

const RunErrorCodeRef = builder.enumType('RunErrorCode', {
  description: 'Why a run failed.',
  values: {
    RATE_LIMITED: { description: 'The provider wants fewer requests; later it may take them.' },
    QUOTA_EXCEEDED: { description: 'What was paid for, or allowed, is used up.' },
    OVERLOADED: { description: 'The provider has too much to do.' },
    AUTHENTICATION: { description: "The provider refused the server's credentials." },
    CONTEXT_OVERFLOW: { description: 'The conversation is longer than the model takes.' },
    CONTENT_FILTERED: { description: 'The provider withheld the answer.' },
    TIMEOUT: { description: 'The provider took too long, or fell silent.' },
    PROVIDER_ERROR: { description: 'The provider failed in another way.' },
    STEP_LIMIT: { description: 'The run took as many model turns as it may.' },
    INTERNAL: { description: 'The server failed.' },
  } as const,
})

type FailedRun = Run & { errorCode: NonNullable<Run['errorCode']> }

const RunErrorRef = builder.objectRef<FailedRun>('RunError').implement({
  description: 'What went wrong in a run.',
  fields: (t) => ({
    code: t.expose('errorCode', { type: RunErrorCodeRef, description: 'For programs.' }),
    message: t.string({
      description: 'For people; it holds no secrets.',
      resolve: ({ errorMessage }) => errorMessage ?? '',
    }),
    retryable: t.boolean({
      description: 'Whether the same request could succeed later.',
      resolve: ({ errorRetryable }) => errorRetryable ?? false,
    }),
  }),
})

export const RunRef = builder.prismaNode('Run', {
  description: 'One answer in the making: it writes exactly one message.',
  id: { field: 'id' },
  nullable: true,
  // The lists are left to `node` and to what the parent was found with: with them in it, rows of a page could not be
  // fetched together.
  findUnique: (id, context) => ({ id, ownerId: requireViewer(context).id }),
  fields: (t) => ({
    thread: t.relation('thread', { description: 'The thread that it answers in.' }),
    status: t.field({
      type: RunStatusRef,
      description: 'How far it is.',
      resolve: (run, _args, context) => liveRun(run, context)?.status ?? run.status,
    }),
    modelId: t.exposeID('modelId', {
      description: 'The model that answers; `requestedModelId` differs when a fallback took over.',
    }),
    requestedModelId: t.exposeID('requestedModelId', { description: 'The model that was asked for.' }),
    userMessage: t.relation('userMessage', {
      description: 'The message that is answered; null where it was deleted.',
      nullable: true,
    }),
    message: t.relation('message', { description: 'The answer; null where it was deleted.', nullable: true }),
    error: t.field({
      type: RunErrorRef,
      description: 'What went wrong; null where nothing did.',
      nullable: true,
      resolve: (run) => (hasFailed(run) ? run : null),
    }),
    usage: t.field({
      type: UsageRef,
      description: 'What it used, over all its model turns; whole when it has ended.',
      resolve: usageOfRun,
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was stored.' }),
    startedAt: t.expose('startedAt', {
      type: 'DateTime',
      description: 'When an instance began it; null while it is queued.',
      nullable: true,
    }),
    firstTokenAt: t.field({
      type: 'DateTime',
      description: 'When its first text or reasoning arrived; null before.',
      nullable: true,
      resolve: (run, _args, context) => {
        const at = liveRun(run, context)?.firstTokenAt
        return run.firstTokenAt ?? (at ? new Date(at) : null)
      },
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      description: 'When it ended; null before.',
      nullable: true,
    }),
  }),
})

/** The run as the stream has carried it: rows follow a second behind. */
function liveRun(run: Run, { services }: Context): LiveRun | undefined {
  const live = isFinal(run.status) ? undefined : services.stream.liveRun(run.threadId, run.id)
  // One that waits can be carried on, or ended, by any instance: the row knows more.
  return live && isParked(live.status) ? undefined : live
}

function hasFailed(run: Run): run is FailedRun {
  return run.errorCode !== null
}

const RunPayloadRef = builder.objectRef<{ readonly run: Run }>('RunPayload').implement({
  description: 'What became of a run.',
  fields: (t) => ({ run: t.expose('run', { type: RunRef, description: 'As it is now.' }) }),
})

const CancelRunInputRef = builder.inputType('CancelRunInput', {
  description: 'Which run to stop.',
  fields: (t) => ({ runId: t.id({ required: true, description: 'A run of the caller.' }) }),
})

builder.mutationField('cancelRun', (t) =>
  t.field({
    type: RunPayloadRef,
    description:
      'Stops a run, on whichever instance it is; returns when its partial answer is stored. An ended run is returned as it is.',
    args: { input: t.arg({ type: CancelRunInputRef, required: true, description: 'Which run.' }) },
    resolve: async (_root, { input }, context) => ({
      run: await context.services.runs.cancelRun(requireViewer(context), input.runId, context.signal),
    }),
  }),
)
