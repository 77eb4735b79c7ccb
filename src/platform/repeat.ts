import type { Logger } from 'pino'

export interface RepeatOptions {
  /** From the end of one call to the start of the next. */
  readonly everyMs: number
  readonly log: Logger
  /** What is done, for the log. */
  readonly task: string
}

/** Does something again and again until it is disposed of; a failure is logged, and the next turn comes all the same. */
export function repeat({ everyMs, log, task }: RepeatOptions, act: () => Promise<void>): AsyncDisposable {
  let stopped = false
  let timer: NodeJS.Timeout | undefined
  let current: Promise<void> = Promise.resolve()
  const plan = () => {
    if (!stopped) timer = setTimeout(turn, everyMs).unref()
  }
  const turn = () => {
    current = act()
      .catch((error: unknown) => {
        if (!stopped) log.error({ err: error }, `${task} failed`)
      })
      .then(plan)
  }
  plan()
  return {
    async [Symbol.asyncDispose]() {
      stopped = true
      clearTimeout(timer)
      await current
    },
  }
}
