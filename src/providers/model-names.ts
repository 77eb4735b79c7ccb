/** What the configuration calls models. */
export interface ModelNames {
  /** An alias's model; any other text stays as it is. */
  realIdOf(idOrAlias: string): string
  readonly aliases: readonly string[]
  /** Real ids, each once, without the model itself. */
  fallbacksOf(modelId: string): readonly string[]
  /** Every model that the configuration names, by its real id, with the key that names it. */
  readonly mentioned: readonly { readonly key: string; readonly modelId: string }[]
}

export interface ModelNamesConfig {
  readonly defaultModel?: string | undefined
  readonly aliases?: Readonly<Record<string, string>> | undefined
  readonly fallbacks?: Readonly<Record<string, readonly string[]>> | undefined
}

export function createModelNames({ defaultModel, aliases = {}, fallbacks = {} }: ModelNamesConfig): ModelNames {
  const models = new Map(Object.entries(aliases))
  const realIdOf = (idOrAlias: string) => models.get(idOrAlias) ?? idOrAlias
  // A model and its alias may both have a list: they are one after the other.
  const chains = new Map<string, Set<string>>()
  for (const [key, list] of Object.entries(fallbacks)) {
    const modelId = realIdOf(key)
    const chain = chains.get(modelId) ?? new Set()
    for (const next of list.map(realIdOf)) if (next !== modelId) chain.add(next)
    chains.set(modelId, chain)
  }
  return {
    realIdOf,
    aliases: [...models.keys()],
    fallbacksOf: (modelId) => [...(chains.get(realIdOf(modelId)) ?? [])],
    mentioned: [
      ...(defaultModel === undefined ? [] : [{ key: 'defaultModel', modelId: realIdOf(defaultModel) }]),
      ...[...models.values()].map((modelId) => ({ key: 'aliases', modelId })),
      ...[...chains].flatMap(([modelId, chain]) =>
        [modelId, ...chain].map((mentioned) => ({ key: 'fallbacks', modelId: mentioned })),
      ),
    ],
  }
}
