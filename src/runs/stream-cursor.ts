import { badInput } from '../platform/errors.ts'

/** A parsed cursor. */
export interface StreamCursor {
  readonly epoch: string
  readonly sequence: number
}

const form = /^([0-9a-z]+)-([0-9a-z]+)-([0-9a-z]{1,10})$/

/** All of a thread's cursors but the number: made once a thread, since there is a cursor for each event. */
export function cursorPrefix(epoch: string, threadId: string): string {
  return `${epoch}-${tag(threadId)}-`
}

export function formatCursor(prefix: string, sequence: number): string {
  return prefix + sequence.toString(36)
}

/** Throws BAD_USER_INPUT for what is no cursor of this thread. */
export function parseCursor(cursor: string, threadId: string): StreamCursor {
  const [, epoch, thread, sequence] = form.exec(cursor) ?? []
  if (epoch === undefined || sequence === undefined)
    throw badInput('after', 'expected the cursor of an event, or a `streamCursor`, as it was given.')
  if (thread !== tag(threadId)) throw badInput('after', 'this is a cursor of another thread.')
  return { epoch, sequence: Number.parseInt(sequence, 36) }
}

/** A thread's id without its kind. */
function tag(threadId: string): string {
  return threadId.slice(threadId.indexOf('_') + 1)
}
