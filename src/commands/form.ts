import { oneLine } from './text.ts'

/** A field of a form, as the flat schemas of MCP's elicitation describe it. */
export interface FormField {
  readonly type: string
  readonly title?: string
  readonly description?: string
  readonly format?: string
  readonly default?: unknown
  readonly enum?: readonly string[]
  readonly oneOf?: readonly Choice[]
  /** What may be chosen of, where the type is an array. */
  readonly items?: { readonly enum?: readonly string[]; readonly anyOf?: readonly Choice[] }
}

export interface Form {
  readonly properties: Readonly<Record<string, FormField>>
  readonly required?: readonly string[]
}

interface Choice {
  readonly const: string
  readonly title?: string
}

/** Asks for each field until the answer is of its type. Null where nobody answers any more. */
export async function fillIn(
  { properties, required = [] }: Form,
  ask: (prompt: string) => Promise<string | null>,
): Promise<Record<string, unknown> | null> {
  const content: [string, unknown][] = []
  for (const [name, field] of Object.entries(properties)) {
    const mayBeLeftOut = field.default !== undefined || !required.includes(name)
    const prompt = `${oneLine(field.title ?? name)}${hintOf(field, mayBeLeftOut)}: `
    let value: unknown
    while (value === undefined) {
      const line = (await ask(prompt))?.trim()
      if (line === undefined) return null
      if (line === '' && mayBeLeftOut) break
      if (line !== '') value = readValue(line, field)
    }
    if (value !== undefined) content.push([name, value])
  }
  return Object.fromEntries(content)
}

function hintOf(field: FormField, mayBeLeftOut: boolean): string {
  const ifEmpty = field.default === undefined ? 'nothing' : JSON.stringify(field.default)
  const hints = [field.description ?? '', typeHintOf(field), mayBeLeftOut ? `Enter for ${ifEmpty}` : '']
  const told = hints.filter((hint) => hint !== '').map(oneLine)
  return told.length === 0 ? '' : ` (${told.join('; ')})`
}

function typeHintOf(field: FormField): string {
  const choices = choicesOf(field)
    .map(({ const: value, title }) => (title === undefined ? value : `${value} = ${title}`))
    .join(', ')
  switch (field.type) {
    case 'boolean':
      return 'yes or no'
    case 'integer':
      return 'a whole number'
    case 'number':
      return 'a number'
    case 'array':
      return `any of ${choices}, with commas between`
    default:
      return choices === '' ? (field.format ?? '') : `one of ${choices}`
  }
}

/** Undefined where the line is no value of the field's type; what else it has to be, the server checks. */
function readValue(line: string, field: FormField): unknown {
  const choices = choicesOf(field).map((choice) => choice.const)
  switch (field.type) {
    case 'boolean':
      return /^y(es)?$/i.test(line) ? true : /^no?$/i.test(line) ? false : undefined
    case 'integer':
      return Number.isSafeInteger(Number(line)) ? Number(line) : undefined
    case 'number':
      return Number.isFinite(Number(line)) ? Number(line) : undefined
    case 'array': {
      const chosen = line.split(',').map((choice) => choice.trim())
      return chosen.every((choice) => choices.includes(choice)) ? chosen : undefined
    }
    default:
      return choices.length === 0 || choices.includes(line) ? line : undefined
  }
}

function choicesOf({ enum: values, oneOf, items }: FormField): readonly Choice[] {
  return oneOf ?? items?.anyOf ?? (values ?? items?.enum ?? []).map((value) => ({ const: value }))
}
