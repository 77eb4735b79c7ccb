import type { Variables } from '../platform/config/layer.ts'

/** A text with its variables filled in. */
export interface FilledText {
  readonly text: string
  /** The values that were filled in. */
  readonly values: readonly string[]
  /** What is wrong with the variables, in words, each with an example of what helps. */
  readonly faults: readonly VariableFault[]
}

export interface VariableFault {
  readonly message: string
  readonly example: string
}

// biome-ignore lint/suspicious/noTemplateCurlyInString: this is how they are written
const forms = '${NAME}, ${env:NAME} or ${NAME:-default}'

/**
 * Fills `${NAME}`, `${env:NAME}` and `${NAME:-default}`, whose default also stands in for an empty variable; `$${` stands
 * for `${`. What cannot be filled stays as it is written.
 */
export function fillVariables(text: string, variables: Variables): FilledText {
  const values: string[] = []
  const faults: VariableFault[] = []
  const filled = text.replaceAll(/\$\$\{|\$\{([^}]*)\}?/g, (written: string, inner: string | undefined) => {
    if (inner === undefined) return '${'
    const [, name = '', initial] = /^(?:env:)?([A-Za-z_]\w*)(?::-(.*))?$/s.exec(inner) ?? []
    if (name === '' || !written.endsWith('}')) {
      faults.push({ message: `expected ${forms}; a plain \${ is written $\${`, example: `\${HOME}` })
      return written
    }
    const value = variables[name]
    if (initial !== undefined && (value === undefined || value === '')) return initial
    if (value === undefined) {
      faults.push({
        message: `the environment variable ${name}, which this refers to, is not set`,
        example: `${name}=…`,
      })
      return written
    }
    values.push(value)
    return value
  })
  return { text: filled, values, faults }
}
