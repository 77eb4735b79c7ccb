import { type ParseArgsOptionDescriptor, parseArgs } from 'node:util'
import { configFileNames, configKeys } from './keys.ts'
import type { Layer, Setting } from './layer.ts'
import { nearest } from './nearest.ts'
import type { ConfigProblem } from './problems.ts'
import { exampleAt } from './source.ts'

/** Flags of a command itself, which are no configuration, as `node:util`'s parseArgs takes them. */
export type CommandFlags = Readonly<Record<string, ParseArgsOptionDescriptor>>

/** The values of a command's flags; those that were not given are absent, defaults aside. */
export type CommandFlagValues<Flags extends CommandFlags> = {
  readonly [Name in keyof Flags]?: Flags[Name] extends { multiple: true }
    ? readonly ValueOf<Flags[Name]>[]
    : ValueOf<Flags[Name]>
}
type ValueOf<Flag extends ParseArgsOptionDescriptor> = Flag['type'] extends 'boolean' ? boolean : string

export interface FlagReading<Flags extends CommandFlags> {
  readonly layer: Layer
  readonly problems: readonly ConfigProblem[]
  /** What `--config` says. */
  readonly configFile: string | undefined
  readonly flags: CommandFlagValues<Flags>
  readonly positionals: readonly string[]
}

/** Reads the command line. A flag that is neither a key's nor the command's is a problem. */
export function fromFlags<const Flags extends CommandFlags>(argv: readonly string[], flags: Flags): FlagReading<Flags> {
  const keys = new Map(configKeys.flatMap((key) => (key.flag === null ? [] : [[key.flag, key] as const])))
  const options: Record<string, ParseArgsOptionDescriptor> = { [configFileNames.flag]: { type: 'string' } }
  for (const [name, { type }] of keys) options[name] = { type: type === 'boolean' ? 'boolean' : 'string' }
  for (const [name, option] of Object.entries(flags)) {
    if (Object.hasOwn(options, name)) throw new Error(`the flag --${name} is a configuration key's`)
    options[name] = option
  }

  // Not strict: the strict mode stops at the first problem, and its message quotes the argument.
  const parsed = parseArgs({
    args: [...argv],
    options,
    strict: false,
    allowPositionals: true,
    allowNegative: true,
    tokens: true,
  })
  const layer = new Map<string, Setting>()
  const values = new Map<string, string | boolean | (string | boolean)[]>()
  const problems: ConfigProblem[] = []
  let configFile: string | undefined

  for (const [name, option] of Object.entries(flags)) {
    if (option.default !== undefined) values.set(name, option.default)
  }
  const given = new Set<string>()
  for (const token of parsed.tokens) {
    if (token.kind !== 'option') continue
    // With allowNegative, the token of `--no-x` has the name `x`, or still `no-x` where `x` is unknown.
    const negative = token.rawName.startsWith('--no-') && token.rawName === `--no-${token.name}`
    const option = Object.hasOwn(options, token.name) ? options[token.name] : undefined
    if (option === undefined || (negative && option.type !== 'boolean')) {
      problems.push(unknownFlag(token.rawName, options))
      continue
    }
    const source = { kind: 'flag', name: `--${token.name}` } as const
    const key = keys.get(token.name)
    const value = option.type === 'boolean' ? (token.value ?? !negative) : token.value
    if (value === undefined || (option.type === 'string' && !token.inlineValue && token.value?.startsWith('--'))) {
      const example = exampleAt(source, [], key?.example ?? (key === undefined ? undefined : key.expected))
      problems.push({
        key: key?.path ?? source.name,
        source: `flag ${source.name}`,
        message: 'a value is missing',
        example,
      })
    } else if (key !== undefined) {
      const earlier = layer.get(key.path)?.value
      const joined = key.type === 'list' && earlier !== undefined ? `${String(earlier)},${String(value)}` : value
      layer.set(key.path, { value: joined, source })
    } else if (token.name === configFileNames.flag) {
      configFile = String(value)
    } else if (option.type === 'boolean' && typeof value === 'string') {
      problems.push({ key: source.name, source: 'command line', message: 'takes no value', example: source.name })
    } else {
      const earlier = given.has(token.name) ? values.get(token.name) : undefined
      values.set(token.name, option.multiple === true ? [...(Array.isArray(earlier) ? earlier : []), value] : value)
      given.add(token.name)
    }
  }
  return {
    layer,
    problems,
    configFile,
    flags: Object.fromEntries(values) as CommandFlagValues<Flags>,
    positionals: parsed.positionals,
  }
}

function unknownFlag(rawName: string, options: Readonly<Record<string, unknown>>): ConfigProblem {
  const close = nearest(rawName.replace(/^-+/, ''), Object.keys(options))
  const key = configKeys.find(({ flag }) => flag === close)
  return {
    key: rawName,
    source: 'command line',
    message: close === undefined ? 'unknown flag' : `unknown flag; did you mean --${close}?`,
    example:
      key === undefined || close === undefined ? '' : exampleAt({ kind: 'flag', name: `--${close}` }, [], key.example),
  }
}
