/**
 * An iterator over what `generate` yields, whose `return()` aborts the signal that `generate` was given, also while a
 * `next()` waits: an async generator alone would go on waiting.
 */
export function abortOnReturn<Item>(
  generate: (signal: AbortSignal) => AsyncGenerator<Item, void>,
  outer: AbortSignal,
): AsyncIterableIterator<Item> {
  const controller = new AbortController()
  const generator = generate(AbortSignal.any([controller.signal, outer]))
  const done = { done: true, value: undefined } as const
  return {
    [Symbol.asyncIterator]() {
      return this
    },
    next: () =>
      generator.next().catch((error: unknown) => {
        if (controller.signal.aborted) return done
        throw error
      }),
    async return() {
      controller.abort()
      await generator.return().catch(() => done)
      return done
    },
  }
}
