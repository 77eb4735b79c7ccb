import { textOf } from '../../src/chat/transcript.ts'
import { isJsonObject } from '../../src/platform/json.ts'
import { EventBatch } from '../../src/providers/event-batch.ts'
import type { KindDependencies } from '../../src/providers/kinds.ts'
import { LineDecoder } from '../../src/providers/line-decoder.ts'
import type { ModelRequest, Provider } from '../../src/providers/provider.ts'
import type { ProviderConfig } from '../../src/providers/provider-config.ts'
import { secretsOf } from '../../src/providers/secrets.ts'
import { streamTurn, type TurnReader } from '../../src/providers/turn-stream.ts'

/** A kind that Parley does not have: it posts the last message to `/say`, and gets lines of `{ word }` until `{ end }`. */
export function createParrotProvider(config: ProviderConfig, { fetch }: KindDependencies): Provider {
  const { id, kind, baseUrl = 'http://127.0.0.1' } = config
  const say = ({ transcript }: ModelRequest, signal: AbortSignal) => {
    const last = transcript.at(-1)
    const body = JSON.stringify({ text: last ? textOf(last) : '' })
    return fetch(`${baseUrl}/say`, { method: 'POST', headers: { 'x-api-key': config.apiKey ?? '' }, body, signal })
  }
  return {
    id,
    kind,
    embedding: null,
    checkOptions: () => ({}),
    listModels: async () => [{ name: 'polly', contextWindow: 100 }],
    stream: (request, signal) =>
      streamTurn(
        {
          config,
          failures: { secrets: secretsOf(config, baseUrl) },
          decoder: new LineDecoder(),
          turn: new ParrotTurn(),
          open: (opened) => say(request, opened),
        },
        signal,
      ),
  }
}

class ParrotTurn implements TurnReader {
  readonly failure = undefined
  isAnswered = false
  readonly #batch = new EventBatch()

  get isDone() {
    return this.isAnswered
  }

  push(payloads: readonly string[]) {
    for (const line of payloads) {
      const value: unknown = JSON.parse(line)
      if (isJsonObject(value) && typeof value.word === 'string') this.#batch.delta('text-delta', value.word)
      else this.isAnswered = true
    }
    return this.#batch.take()
  }

  finish() {
    this.#batch.add({ type: 'turn-finished', reason: 'stop', rawReason: 'end', usage: null })
    return this.#batch.take({ last: true })
  }
}
