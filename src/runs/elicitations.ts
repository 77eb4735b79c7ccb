import type { Viewer } from '../auth/viewer.ts'
import { visibleIds } from '../chat/visible-threads.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { badInput, conflict, notFound } from '../platform/errors.ts'
import { newId } from '../platform/ids.ts'
import { cleanJsonObject, type JsonObject } from '../platform/json.ts'
import type { JsonSchemas } from '../platform/json-schema.ts'
import type { Log } from '../platform/log.ts'
import { sanitizeText } from '../platform/text.ts'
import type { ElicitationAnswer, ElicitationRequest } from '../tools/tool.ts'
import { type ElicitationForm, parseForm } from './elicitation-form.ts'
import type { Elicitation, ElicitationClosed, ElicitationRequested } from './run-event.ts'

/** What a tool asks, and in whose run. */
export interface Question {
  readonly viewer: Viewer
  readonly threadId: string
  readonly runId: string
  readonly toolCallId: string
  readonly request: ElicitationRequest
}

export interface AnswerElicitationInput {
  readonly elicitationId: string
  readonly action: 'ACCEPT' | 'DECLINE' | 'CANCEL'
  /** Left out: for ACCEPT, nothing but defaults. */
  readonly content?: unknown
}

/**
 * The questions that tools' servers ask people in the middle of calls. They are held in memory alone: the call that waits
 * for one is of this process too.
 */
export interface Elicitations extends Disposable {
  /**
   * Asks the person behind a run, and returns what they answer. Declined where the question is none that a form can show,
   * where too many are open, when it expires, when the signal is aborted, and when this is disposed of. Never throws.
   */
  ask(
    question: Question,
    record: (event: ElicitationRequested | ElicitationClosed) => void,
    signal: AbortSignal,
  ): Promise<ElicitationAnswer>
  /**
   * The first answer counts. Throws NOT_FOUND for what is not the viewer's, CONFLICT where it is closed, and BAD_USER_INPUT
   * `content` for what the question did not ask for.
   */
  answer(viewer: Viewer, input: AnswerElicitationInput, signal: AbortSignal): Promise<void>
  /** The viewer's open ones, oldest first. */
  pending(viewer: Viewer): Promise<readonly Elicitation[]>
}

export interface ElicitationsDependencies {
  readonly database: PrismaClient
  readonly schemas: Pick<JsonSchemas, 'check'>
  readonly log: Log
  /** How long a question waits, in milliseconds. */
  readonly ttlMs?: number
}

interface Open extends Elicitation {
  readonly ownerId: string
  readonly runId: string
  readonly form: ElicitationForm
  close(answer: ElicitationAnswer, why: string): void
}

type Closed = Pick<Open, 'ownerId' | 'threadId'>

const maxOpen = 1_000
const maxOpenInRun = 16
const maxRemembered = 10_000
const maxMessageLength = 10_000
const maxContentBytes = 65_536

export function createElicitations({
  database,
  schemas,
  log,
  ttlMs = 300_000,
}: ElicitationsDependencies): Elicitations {
  const open = new Map<string, Open>()
  /** So that who comes too late is told that. */
  const closed = new Map<string, Closed>()
  let isDisposed = false

  function remember({ id, ownerId, threadId }: Open): void {
    closed.set(id, { ownerId, threadId })
    for (const [oldest] of closed) {
      if (closed.size <= maxRemembered) return
      closed.delete(oldest)
    }
  }

  async function isVisible(viewer: Viewer, asked: Closed | undefined): Promise<boolean> {
    if (asked?.ownerId !== viewer.id) return false
    const visible = await visibleIds(viewer, database, [asked.threadId])
    return visible === 'all' || visible.has(asked.threadId)
  }

  return {
    ask({ viewer, threadId, runId, toolCallId, request }, record, signal) {
      const about = log.child({ runId, threadId, toolCallId, userId: viewer.id })
      const form = parseForm(request.requestedSchema)
      const ofRun = [...open.values()].filter((other) => other.runId === runId).length
      const refusal =
        isDisposed || signal.aborted
          ? 'its call ends'
          : form === null
            ? 'its schema is not that of a form, or is too large'
            : request.message.length > maxMessageLength
              ? 'it is too long'
              : open.size >= maxOpen || ofRun >= maxOpenInRun
                ? 'too many are open'
                : null
      if (form === null || refusal !== null) {
        about.warn({ why: refusal }, "a tool's question was declined")
        return Promise.resolve({ action: 'decline' })
      }
      const { promise, resolve } = Promise.withResolvers<ElicitationAnswer>()
      const elicitation: Elicitation = {
        id: newId('elicitation'),
        threadId,
        toolCallId,
        message: sanitizeText(request.message),
        requestedSchema: form.schema,
        expiresAt: Date.now() + ttlMs,
      }
      const { id } = elicitation
      const decline = (why: string) => open.get(id)?.close({ action: 'decline' }, why)
      const onAbort = () => decline('its call has ended')
      const timer = setTimeout(() => decline('it has expired'), ttlMs)
      const asked: Open = {
        ...elicitation,
        ownerId: viewer.id,
        runId,
        form,
        close(answer, why) {
          clearTimeout(timer)
          signal.removeEventListener('abort', onAbort)
          open.delete(id)
          remember(asked)
          record({ type: 'elicitation-closed', elicitationId: id })
          about.info({ elicitationId: id, action: answer.action, why }, "a tool's question was closed")
          resolve(answer)
        },
      }
      open.set(id, asked)
      signal.addEventListener('abort', onAbort, { once: true })
      about.info({ elicitationId: id }, 'a tool asks a question')
      record({ type: 'elicitation-requested', elicitation })
      return promise
    },

    async answer(viewer, { elicitationId, action, content }, signal) {
      const known = open.get(elicitationId) ?? closed.get(elicitationId)
      if (!(await isVisible(viewer, known))) throw notFound('elicitation', 'elicitationId')
      const find = () => {
        const asked = open.get(elicitationId)
        if (asked) return asked
        throw conflict('This question was answered, or is asked no more.', 'elicitationId')
      }
      const { form } = find()
      if (action !== 'ACCEPT') {
        if (content != null) throw badInput('content', 'goes with ACCEPT only.')
        return find().close({ action: action === 'DECLINE' ? 'decline' : 'cancel' }, 'answered')
      }
      const given: JsonObject = {
        ...form.defaults,
        ...cleanJsonObject('content', content ?? {}, maxContentBytes),
      }
      const problem = await schemas.check(form.strict, given, signal)
      if (problem !== null) throw badInput('content', problem)
      find().close({ action: 'accept', content: given }, 'answered')
    },

    async pending(viewer) {
      const own = [...open.values()].filter(({ ownerId }) => ownerId === viewer.id)
      if (own.length === 0) return []
      const visible = await visibleIds(
        viewer,
        database,
        own.map(({ threadId }) => threadId),
      )
      return own.filter(({ threadId, id }) => open.has(id) && (visible === 'all' || visible.has(threadId)))
    },

    [Symbol.dispose]() {
      isDisposed = true
      for (const asked of [...open.values()]) asked.close({ action: 'decline' }, 'the server stops')
    },
  }
}
