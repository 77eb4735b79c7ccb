import type { ShowResponse } from 'ollama'
import pLimit from 'p-limit'
import { isJsonObject } from '../platform/json.ts'
import { malformedError } from './failures.ts'
import type { OllamaClient } from './ollama-client.ts'
import type { ModelDescription } from './provider.ts'

const maxModels = 5_000
/** How many models are asked about one by one, how many at once, and how long all that may take, in milliseconds. */
const maxShown = 50
const shownAtOnce = 4
const showMs = 3_000

/** What a server tells of one model. */
export interface OllamaModel {
  /** Tokens; null where the server does not say. */
  readonly contextWindow: number | null
  /** Such as `completion`, `embedding`, `tools`, `thinking`, `vision`; null where the server tells none. */
  readonly capabilities: ReadonlySet<string> | null
  /** What `think` may be; null where the server does not say. */
  readonly thinkValues: readonly (string | boolean)[] | null
  /** Such as `llama` or `gptoss`; empty where it is not known. */
  readonly architecture: string
}

/** The models that one server has pulled, and what it tells of them. */
export class OllamaModels {
  readonly #client: OllamaClient
  /** By name and digest: what a model is does not change without it. */
  #shown: ReadonlyMap<string, OllamaModel> = new Map()
  #byName: ReadonlyMap<string, OllamaModel> = new Map()

  constructor(client: OllamaClient) {
    this.#client = client
  }

  /** What is known of a model since the last `list`; undefined where nothing is. */
  find(name: string): OllamaModel | undefined {
    return this.#byName.get(name) ?? this.#byName.get(`${name}:latest`)
  }

  /** The models that can chat. What the server does not tell of one in time is told as unknown. */
  async list(signal: AbortSignal): Promise<readonly ModelDescription[]> {
    const { models } = await this.#client.ask('tags', null, signal)
    if (!Array.isArray(models)) throw malformedError('it is no list of models')
    const listed = models
      .slice(0, maxModels)
      .filter(isJsonObject)
      .map(({ name, model, digest }) => ({ name: textOf(name) || textOf(model), digest: textOf(digest) }))
      .filter(({ name }) => name !== '')

    const inTime = AbortSignal.any([signal, AbortSignal.timeout(showMs)])
    const [, loaded] = await Promise.all([this.#show(listed.slice(0, maxShown), inTime), this.#loaded(inTime)])
    signal.throwIfAborted()
    return listed
      .filter(({ name }) => canChat(this.#byName.get(name)))
      .map(({ name }) => ({
        name,
        contextWindow: loaded.get(name) ?? this.#byName.get(name)?.contextWindow ?? null,
        seesImages: this.#byName.get(name)?.capabilities?.has('vision'),
      }))
  }

  async #show(listed: readonly { name: string; digest: string }[], signal: AbortSignal): Promise<void> {
    const limit = pLimit(shownAtOnce)
    const models = await Promise.all(
      listed.map(({ name, digest }) =>
        limit(async () => {
          const key = `${name} ${digest}`
          const model = this.#shown.get(key) ?? (await this.#ask('show', { model: name }, signal).then(toModel))
          return { name, key, model }
        }),
      ),
    )
    const known = models.flatMap(({ model, ...place }) => (model ? [{ ...place, model }] : []))
    this.#shown = new Map(known.map(({ key, model }) => [key, model]))
    this.#byName = new Map(known.map(({ name, model }) => [name, model]))
  }

  /** The windows with which models are in memory at the moment: what counts, whatever the models could do. */
  async #loaded(signal: AbortSignal): Promise<ReadonlyMap<string, number>> {
    const models = (await this.#ask('ps', null, signal))?.models
    const loaded = Array.isArray(models) ? models.filter(isJsonObject) : []
    return new Map(
      loaded.flatMap(({ name, context_length: window }) =>
        typeof name === 'string' && isWindow(window) ? [[name, window]] : [],
      ),
    )
  }

  /** undefined where the server does not answer: nothing here is worth losing the list for. */
  async #ask(path: string, body: object | null, signal: AbortSignal): Promise<Record<string, unknown> | undefined> {
    try {
      return await this.#client.ask(path, body, signal)
    } catch {
      return undefined
    }
  }
}

function toModel(
  shown: Partial<Record<keyof ShowResponse | 'thinking', unknown>> | undefined,
): OllamaModel | undefined {
  if (!shown) return undefined
  const info = isJsonObject(shown.model_info) ? shown.model_info : {}
  const architecture = textOf(info['general.architecture'])
  const trained = info[`${architecture}.context_length`] ?? firstContextLength(info)
  // `PARAMETER num_ctx` of the model's Modelfile, which Ollama cuts to what the model was trained for.
  const parameter = Number(/^num_ctx\s+(\d+)\s*$/m.exec(textOf(shown.parameters))?.[1] ?? Number.NaN)
  const windows = [trained, parameter].filter(isWindow)
  const thinkValues = isJsonObject(shown.thinking) ? shown.thinking.values : undefined
  return {
    contextWindow: windows.length > 0 ? Math.min(...windows) : null,
    capabilities: Array.isArray(shown.capabilities) ? new Set(shown.capabilities.filter(isText)) : null,
    thinkValues: Array.isArray(thinkValues)
      ? thinkValues.filter((value) => isText(value) || typeof value === 'boolean')
      : null,
    architecture,
  }
}

/** Servers that tell no capabilities are told from the architecture: the embedding models are kinds of BERT. */
function canChat(model: OllamaModel | undefined): boolean {
  if (!model) return true
  return model.capabilities?.has('completion') ?? !/bert/i.test(model.architecture)
}

function firstContextLength(info: Record<string, unknown>): unknown {
  return Object.entries(info).find(([key]) => key.endsWith('.context_length'))?.[1]
}

function isWindow(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value > 0
}

function isText(value: unknown): value is string {
  return typeof value === 'string'
}

function textOf(value: unknown): string {
  return isText(value) ? value : ''
}
