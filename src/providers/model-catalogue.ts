import { nearestFew } from '../platform/config/nearest.ts'
import { demoModel } from './demo.ts'
import type { ModelDescription } from './provider.ts'
import type { Entry } from './provider-set.ts'

/**
 * Which provider answers where nobody says which: the first of these kinds, with its model where that is offered, else
 * with the first that is. Kinds that are not here come before the demo, which is no model.
 */
const preferences: readonly Preference[] = [
  { kind: 'openai', model: 'gpt-4o-mini' },
  { kind: 'openai-responses', model: 'gpt-4o-mini' },
  { kind: 'anthropic', model: 'claude-haiku-4-5' },
  { kind: 'gemini', model: 'gemini-2.5-flash' },
  { kind: 'ollama', model: null },
]
const lastResort: Preference = { kind: 'demo', model: demoModel }

interface Preference {
  readonly kind: string
  /** null: the first that is offered. */
  readonly model: string | null
}

const maxNameLength = 256

/** Longer ids are compared in their beginning only. */
const maxCompared = 80

/** In the order in which they answer where nobody says which. */
export function byPreference(entries: readonly Entry[]): readonly Entry[] {
  return entries.toSorted((one, other) => rankOf(one) - rankOf(other))
}

function rankOf({ config: { kind } }: Entry): number {
  if (kind === lastResort.kind) return preferences.length + 1
  const rank = preferences.findIndex((preference) => preference.kind === kind)
  return rank === -1 ? preferences.length : rank
}

/** The provider's own name of its default model, as far as it is known by now: null where it neither has nor lists one. */
export function defaultNameOf({ config, discovery }: Entry): string | null {
  const configured = config.models?.[0]?.name
  if (configured !== undefined) return configured
  const preferred = [...preferences, lastResort].find(({ kind }) => kind === config.kind)?.model ?? null
  const offered = discovery?.models ?? []
  const match = preferred === null ? undefined : findByName(offered, preferred)
  return match?.name ?? offered[0]?.name ?? preferred
}

/** The configured models, and those that the provider lists beside them; what is configured of a model holds. */
export function knownModels({ config, discovery }: Entry): readonly ModelDescription[] {
  const models = new Map((discovery?.models ?? []).map((model) => [model.name, model]))
  const configured = (config.models ?? []).map((model) => ({
    name: model.name,
    contextWindow: model.contextWindow ?? models.get(model.name)?.contextWindow ?? null,
    seesImages: models.get(model.name)?.seesImages,
  }))
  for (const { name } of configured) models.delete(name)
  return [...configured, ...models.values()]
}

/** The model of this name, or the one that the name stands for with its provider: see `isVersionOf`. */
export function findModel(entry: Entry, name: string): ModelDescription | undefined {
  return findByName(knownModels(entry), name)
}

function findByName(models: readonly ModelDescription[], name: string): ModelDescription | undefined {
  return models.find((model) => model.name === name) ?? models.find((model) => isVersionOf(model.name, name))
}

/** `claude-haiku-4-5` is asked for `claude-haiku-4-5-20251001`, and `llama3.2` for `llama3.2:latest`. */
function isVersionOf(listed: string, name: string): boolean {
  return listed.startsWith(name) && /^(:latest|-latest|-\d{8}|-\d{4}-\d{2}-\d{2})$/.test(listed.slice(name.length))
}

export function isModelName(name: string): boolean {
  return name !== '' && name.length <= maxNameLength && !/[\p{Cc}\p{Cs}]/u.test(name)
}

export function modelIdOf({ config }: Entry, name: string): string {
  return `${config.id}/${name}`
}

/** Those of the ids and aliases that somebody may have meant, the closest first: by the whole, or by the model's name. */
export function nearestIds(asked: string, known: readonly string[], count: number): readonly string[] {
  const compared = asked.slice(0, maxCompared)
  const byName = nearestFew(compared, known, count, (id) => id.slice(id.indexOf('/') + 1))
  return [...new Set([...byName, ...nearestFew(compared, known, count)])].slice(0, count)
}
