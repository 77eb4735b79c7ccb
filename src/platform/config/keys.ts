import { z } from 'zod'
import { customaryNames } from './customary-names.ts'
import { providerSchema } from './provider-schema.ts'
import { configSchema } from './schema.ts'
import { isListOfTexts, metadataOf, unwrap, wordsFor } from './schema-walk.ts'

/** A configuration key and its names. */
export interface ConfigKey {
  /** Its path in YAML, such as `stream.flushMs`. */
  readonly path: string
  /** Null inside a list, which is written whole. */
  readonly env: string | null
  readonly flag: string | null
  /** Further environment variables; `env` wins over them in the same place. */
  readonly customaryNames: readonly string[]
  readonly type: 'text' | 'number' | 'boolean' | 'choice' | 'list' | 'json'
  /** What it takes, in words. */
  readonly expected: string
  /** Undefined where there is none. */
  readonly default: unknown
  readonly example: unknown
  readonly description: string
  readonly secret: boolean
  readonly schema: z.core.$ZodType
}

/** What `parley chat` signs in with, at a server where users sign in: no key, since the server has no use for it. */
export const clientTokenName = 'PARLEY_TOKEN'

/** Where the YAML file is: the one key that the file itself cannot hold. */
export const configFileNames = { env: 'PARLEY_CONFIG', flag: 'config', default: 'parley.yaml' } as const

/** Every key that has a value of its own, in the schema's order: sections are not among them. */
export const configKeys: readonly ConfigKey[] = keysOf(configSchema, '')

/** What the entries of `providers` hold. */
export const providerKeys: readonly ConfigKey[] = keysOf(providerSchema, 'providers[]')

/** `stream.flushMs` → `PARLEY_STREAM_FLUSH_MS` */
export function envNameOf(path: string): string {
  return `PARLEY_${words(path).join('_').toUpperCase()}`
}

/** `stream.flushMs` → `stream-flush-ms` */
export function flagNameOf(path: string): string {
  return words(path).join('-').toLowerCase()
}

function words(path: string): string[] {
  return path.replaceAll(/([a-z0-9])([A-Z])/g, '$1.$2').split('.')
}

function keysOf(section: z.ZodObject, prefix: string): ConfigKey[] {
  return Object.entries(section.shape).flatMap(([name, schema]) => {
    const path = prefix === '' ? name : `${prefix}.${name}`
    const inner = unwrap(schema)
    return inner instanceof z.ZodObject ? keysOf(inner, path) : [keyOf(path, schema)]
  })
}

function keyOf(path: string, schema: z.core.$ZodType): ConfigKey {
  const { description, example, secret } = metadataOf(schema)
  if (description === undefined) throw new Error(`configuration key ${path} has no description`)
  const initial = schema instanceof z.ZodDefault ? schema.def.defaultValue : undefined
  const inList = path.includes('[]')
  return {
    path,
    env: inList ? null : envNameOf(path),
    flag: inList ? null : flagNameOf(path),
    customaryNames: customaryNames.flatMap((known) => ('key' in known && known.key === path ? [known.name] : [])),
    type: typeOf(unwrap(schema)),
    expected: wordsFor(schema),
    default: initial,
    example: example ?? initial,
    description,
    secret,
    schema,
  }
}

function typeOf(schema: z.core.$ZodType): ConfigKey['type'] {
  if (schema instanceof z.ZodNumber) return 'number'
  if (schema instanceof z.ZodBoolean) return 'boolean'
  if (schema instanceof z.ZodEnum) return 'choice'
  if (isListOfTexts(schema)) return 'list'
  return schema instanceof z.ZodString ? 'text' : 'json'
}
