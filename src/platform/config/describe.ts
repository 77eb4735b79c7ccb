import { type CustomaryName, customaryNames } from './customary-names.ts'
import { type ConfigKey, configFileNames, configKeys, providerKeys } from './keys.ts'

/** Everything that there is to say about the configuration, for documents and for `--help`. */
export interface ConfigDescription {
  /** The keys, in the schema's order. */
  readonly keys: readonly ConfigKey[]
  /** What an entry of `providers` holds. */
  readonly providerKeys: readonly ConfigKey[]
  /** The names by which the YAML file is chosen. */
  readonly configFile: typeof configFileNames
  readonly customaryNames: readonly CustomaryName[]
}

export function describeConfig(): ConfigDescription {
  return { keys: configKeys, providerKeys, configFile: configFileNames, customaryNames }
}

/** The section of a key: `stream` for `stream.flushMs`; the empty string for a key of none. */
export function sectionOf(key: ConfigKey): string {
  return key.path.includes('.') ? key.path.slice(0, key.path.indexOf('.')) : ''
}
