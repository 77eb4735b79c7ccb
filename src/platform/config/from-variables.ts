import { clientTokenName, configFileNames, configKeys } from './keys.ts'
import type { Reading, Setting, Variables } from './layer.ts'
import { nearest } from './nearest.ts'
import type { ConfigProblem } from './problems.ts'
import { exampleAt } from './source.ts'

const examples = new Map<string, unknown>([
  [configFileNames.env, configFileNames.default],
  [clientTokenName, 'parley_…'],
  ...configKeys.flatMap(({ env, customaryNames, example }) =>
    [...(env === null ? [] : [env]), ...customaryNames.filter(isOurs)].map((name): [string, unknown] => [
      name,
      example,
    ]),
  ),
])

/**
 * Reads the environment, or the variables of `.env`. An empty variable counts as not set. A `PARLEY_…` that is no key's
 * is a problem, unless the YAML file refers to it (`referenced`).
 */
export function fromVariables(
  variables: Variables,
  kind: 'environment' | 'dotenv',
  referenced: ReadonlySet<string>,
): Reading {
  const layer = new Map<string, Setting>()
  for (const { path, env, customaryNames } of configKeys) {
    for (const name of env === null ? customaryNames : [env, ...customaryNames]) {
      const value = variables[name]
      if (value === undefined || value === '' || layer.has(path)) continue
      layer.set(path, { value, source: { kind, name } })
    }
  }
  const problems = Object.keys(variables)
    .filter((name) => isOurs(name) && !examples.has(name) && !referenced.has(name))
    .map((name) => unknownVariable(name, kind))
  return { layer, problems }
}

function isOurs(name: string): boolean {
  return name.startsWith('PARLEY_')
}

function unknownVariable(name: string, kind: 'environment' | 'dotenv'): ConfigProblem {
  const withoutPrefix = (full: string) => full.slice('PARLEY_'.length)
  const close = nearest(withoutPrefix(name), [...examples.keys()].map(withoutPrefix))
  const known = close === undefined ? undefined : `PARLEY_${close}`
  return {
    key: name,
    source: kind === 'dotenv' ? '.env' : 'environment',
    message: known === undefined ? 'unknown variable' : `unknown variable; did you mean ${known}?`,
    example: known === undefined ? '' : exampleAt({ kind, name: known }, [], examples.get(known)),
  }
}
