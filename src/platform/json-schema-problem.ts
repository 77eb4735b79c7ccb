import type { ErrorObject } from 'ajv'

const maxShown = 5
const maxPartLength = 200

/** What does not fit, as one line of bounded length: the fields as `a.0.b`, and what each takes. */
export function describeMisfit(errors: readonly ErrorObject[]): string {
  const lines = [...new Set(errors.slice(0, 100).map(describe))]
  const shown = lines.slice(0, maxShown)
  const more = lines.length > maxShown ? ` (and ${lines.length - maxShown} more)` : ''
  return `${shown.join('; ')}${more}.`
}

function describe(error: ErrorObject): string {
  const field = error.instancePath.split('/').slice(1).map(unescaped).join('.')
  const text = acceptedBy(error)
  return lineOf(field === '' ? text : `${field} ${text}`)
}

/** RFC 6901, section 4. */
function unescaped(token: string): string {
  return token.replaceAll('~1', '/').replaceAll('~0', '~')
}

function acceptedBy({ keyword, params, message, parentSchema }: ErrorObject): string {
  switch (keyword) {
    case 'required':
      return `must have ${params.missingProperty}`
    case 'additionalProperties':
    case 'unevaluatedProperties':
      return `must not have ${params.additionalProperty ?? params.unevaluatedProperty}${known(parentSchema?.properties)}`
    case 'enum':
      return `must be one of ${params.allowedValues.map((value: unknown) => JSON.stringify(value)).join(', ')}`
    case 'const':
      return `must be ${JSON.stringify(params.allowedValue)}`
    default:
      return message ?? `must fit ${keyword}`
  }
}

function known(properties: unknown): string {
  if (typeof properties !== 'object' || properties === null) return ''
  const names = Object.keys(properties)
  return names.length === 0 ? ', nor anything else' : `; it takes ${names.join(', ')}`
}

/** One line of bounded length. */
export function lineOf(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.length > maxPartLength ? `${line.slice(0, maxPartLength).toWellFormed()}…` : line
}
