/** One thing that is wrong with the configuration. It never holds a configured value, which may be a secret. */
export interface ConfigProblem {
  /** The key's path, such as `stream.flushMs` or `providers[0].id`; for an unknown variable or flag, its name. */
  readonly key: string
  /** Where it was written, such as `environment variable PARLEY_PORT` or `parley.yaml, line 3`. */
  readonly source: string
  readonly message: string
  /** What could stand there instead, written as that place wants it; empty where there is nothing to show. */
  readonly example: string
}

/** The configuration cannot be used. It lists every problem, not the first. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError'
  readonly problems: readonly ConfigProblem[]

  constructor(problems: readonly ConfigProblem[]) {
    super(formatProblems(problems))
    this.problems = problems
  }
}

/** The problems as text for a person: one paragraph each. */
export function formatProblems(problems: readonly ConfigProblem[]): string {
  const title =
    problems.length === 1 ? 'The configuration has a problem:' : `The configuration has ${problems.length} problems:`
  return [title, ...problems.map(formatProblem)].join('\n\n')
}

function formatProblem({ key, source, message, example }: ConfigProblem): string {
  const lines = [`  ${key} (${source})`, `    ${message}`]
  if (example !== '') lines.push(`    for example: ${example}`)
  return lines.join('\n')
}
