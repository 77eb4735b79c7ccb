import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseEnv } from 'node:util'
import { type FileReading, fromFile } from './from-file.ts'
import { type CommandFlags, type CommandFlagValues, fromFlags } from './from-flags.ts'
import { fromVariables } from './from-variables.ts'
import { configFileNames, configKeys } from './keys.ts'
import type { Layer, Setting, Variables } from './layer.ts'
import { valueAt } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import { resolveConfig } from './resolve.ts'
import type { Config, ConfigInput } from './schema.ts'
import { describeSource, exampleAt, type Source } from './source.ts'

export interface LoadOptions<Flags extends CommandFlags> {
  /** The command line without the interpreter and the script. */
  readonly argv: readonly string[]
  /** The environment; the only one that is read. */
  readonly env: Variables
  /** Where `.env` and `parley.yaml` are looked for. */
  readonly cwd: string
  /** Flags that are the command's own. */
  readonly commandFlags?: Flags
  /** The provider kinds there are; without it, a kind is not checked. */
  readonly providerKinds?: readonly string[]
}

export interface LoadedConfig<Flags extends CommandFlags> {
  readonly config: Config
  /**
   * Where each key's value comes from, in words, by the key's path: `stream.flushMs` → `parley.yaml, line 3`; and where
   * each provider: `providers[0]` → `environment variable OPENAI_API_KEY`.
   */
  readonly sources: ReadonlyMap<string, string>
  /** The environment over `.env`: what files of the configuration may refer to. */
  readonly variables: Variables
  /** The arguments that are no flags. */
  readonly positionals: readonly string[]
  /** The values of `commandFlags`. */
  readonly flags: CommandFlagValues<Flags>
}

/**
 * The configuration: flags over the environment over `.env` over `parley.yaml` over defaults. An empty variable of the
 * environment hides the one in `.env` and sets nothing.
 *
 * Throws a `ConfigError` with every problem of every place at once.
 */
export function loadConfig<const Flags extends CommandFlags = Record<never, never>>(
  options: LoadOptions<Flags>,
): LoadedConfig<Flags> {
  const { argv, env, cwd, providerKinds } = options
  const line = fromFlags<Flags>(argv, options.commandFlags ?? ({} as Flags))
  const dotenv = readDotenv(cwd)
  const hidden = Object.fromEntries(Object.entries(dotenv.variables).filter(([name]) => env[name] === undefined))
  const variables = { ...dotenv.variables, ...env }

  const file = readConfigFile(cwd, chooseFile(line.configFile, env, hidden), variables)
  const fromEnvironment = fromVariables(env, 'environment', file.referenced)
  const fromDotenv = fromVariables(hidden, 'dotenv', file.referenced)

  const resolution = resolveConfig({
    layers: [file.layer, fromDotenv.layer, fromEnvironment.layer, line.layer],
    places: [
      { kind: 'environment', variables: env },
      { kind: 'dotenv', variables: hidden },
    ],
    providerKinds,
    problems: [
      ...line.problems,
      ...fromEnvironment.problems,
      ...dotenv.problems,
      ...fromDotenv.problems,
      ...file.problems,
    ],
  })
  return { ...resolution, variables, positionals: line.positionals, flags: line.flags }
}

/** A configuration that a program gives, such as a test's: checked and completed like any other, and read nowhere. */
export function createConfig(input: ConfigInput = {}): Config {
  const layer = new Map<string, Setting>()
  for (const { path } of configKeys) {
    const value = valueAt(input, path.split('.'))
    if (value !== undefined) layer.set(path, { value, source: { kind: 'code' } })
  }
  const layers: Layer[] = [layer]
  return resolveConfig({ layers, places: [], providerKinds: undefined, problems: [] }).config
}

interface ChosenFile {
  readonly name: string
  /** Undefined where nobody chose it: then it need not exist. */
  readonly source: Source | undefined
}

function chooseFile(flag: string | undefined, env: Variables, dotenv: Variables): ChosenFile {
  const { env: name } = configFileNames
  if (flag !== undefined) return { name: flag, source: { kind: 'flag', name: `--${configFileNames.flag}` } }
  if (env[name]) return { name: env[name], source: { kind: 'environment', name } }
  if (dotenv[name]) return { name: dotenv[name], source: { kind: 'dotenv', name } }
  return { name: configFileNames.default, source: undefined }
}

function readConfigFile(cwd: string, { name, source }: ChosenFile, variables: Variables): FileReading {
  const content = readText(resolve(cwd, name))
  if (typeof content === 'string') return fromFile(content, name, variables)
  const nothing = { layer: new Map(), referenced: new Set<string>() }
  if (content.code === 'ENOENT' && source === undefined) return { ...nothing, problems: [] }
  const place: Source = source ?? { kind: 'file', file: name, line: undefined }
  const message = content.code === 'ENOENT' ? `no such file: ${name}` : `cannot read ${name}: ${content.code}`
  const example = source === undefined ? '' : exampleAt(place, [], configFileNames.default)
  return { ...nothing, problems: [{ key: 'config', source: describeSource(place), message, example }] }
}

function readDotenv(cwd: string): { variables: Variables; problems: readonly ConfigProblem[] } {
  const content = readText(resolve(cwd, '.env'))
  if (typeof content === 'string') return { variables: parseEnv(content), problems: [] }
  if (content.code === 'ENOENT') return { variables: {}, problems: [] }
  const problem = { key: '.env', source: '.env', message: `cannot read .env: ${content.code}`, example: '' }
  return { variables: {}, problems: [problem] }
}

/** The file's text without a byte order mark, or the system's code of why it cannot be read. */
function readText(path: string): string | { readonly code: string } {
  try {
    return readFileSync(path, 'utf8').replace(/^\uFEFF/, '')
  } catch (error) {
    return { code: error instanceof Error && 'code' in error ? String(error.code) : 'unknown error' }
  }
}
