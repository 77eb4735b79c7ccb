import { Readable } from 'node:stream'
import type { StreamEvent } from './answer.ts'

/** An event, and whether what it asks of a person is still open. */
export interface OpenEvent {
  readonly event: StreamEvent
  /** Aborted once the question that the event asks is settled, by whomever, or the events end. */
  readonly settled: AbortSignal
}

/** Events that may wait for a person. */
const maxWaiting = 10_000

/** Reads on while an event is worked on, so that a question that is settled meanwhile is known to be. */
export function readAhead(events: AsyncIterable<StreamEvent>): AsyncIterable<OpenEvent> {
  return Readable.from(watchQuestions(events), { highWaterMark: maxWaiting })
}

async function* watchQuestions(events: AsyncIterable<StreamEvent>): AsyncGenerator<OpenEvent, void> {
  const ended = new AbortController()
  const questions = new Map<string, AbortController>()
  try {
    for await (const event of events) {
      if (event.__typename === 'ToolApprovalRequested' || event.__typename === 'ElicitationRequested')
        questions.set(questionOf(event), questions.get(questionOf(event)) ?? new AbortController())
      if (event.__typename === 'ToolApprovalDecided' || event.__typename === 'ElicitationClosed')
        questions.get(questionOf(event))?.abort()
      yield { event, settled: questions.get(questionOf(event))?.signal ?? ended.signal }
    }
  } finally {
    for (const question of [ended, ...questions.values()]) question.abort()
  }
}

/** The id of the question that an event is about; empty where it is about none. */
function questionOf({ approval, elicitation, elicitationId }: StreamEvent): string {
  return approval?.id ?? elicitation?.id ?? elicitationId ?? ''
}
