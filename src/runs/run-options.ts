import { z } from 'zod'
import { badInput } from '../platform/errors.ts'
import { isJsonObject, type JsonObject } from '../platform/json.ts'
import { cleanText } from '../platform/text.ts'
import type { GenerationOptions } from '../providers/provider.ts'
import type { ResolvedModel } from '../providers/registry.ts'
import type { ClientTool } from '../tools/client-tools.ts'

/** What a caller asks of a run, as it is stored with it; null leaves it to the configuration or the model. */
export interface RunOptions extends GenerationOptions {
  /** Model turns that the run may take; null leaves it to `runs.maxSteps`. */
  readonly maxSteps: number | null
}

export const runOptions: z.ZodType<RunOptions> = z.object({
  temperature: z.number().nullable().default(null),
  maxOutputTokens: z.number().nullable().default(null),
  toolChoice: z.string().nullable().default(null),
  reasoningEffort: z.string().nullable().default(null),
  maxSteps: z.number().nullable().default(null),
})

export interface GenerationDefaults {
  readonly temperature?: number | undefined
  readonly maxOutputTokens?: number | undefined
}

/** The tools that a run's client runs itself, as they are stored with it. */
export const storedClientTools: z.ZodType<readonly ClientTool[]> = z.array(
  z.object({
    name: z.string(),
    description: z.string().nullable(),
    inputSchema: z.custom<JsonObject>(isJsonObject),
  }),
)

/** The options as a client gives them. */
export type GivenOptions = { readonly [Key in keyof RunOptions]?: RunOptions[Key] | undefined }

/**
 * Checks a client's options and fills in the configured defaults; `offered` are the names of the tools that the model may
 * be told to use. Throws BAD_USER_INPUT with the field.
 */
export function checkedOptions(
  given: GivenOptions | null | undefined,
  defaults: GenerationDefaults,
  offered: readonly string[] = [],
): RunOptions {
  const temperature = given?.temperature ?? defaults.temperature ?? null
  const maxOutputTokens = given?.maxOutputTokens ?? defaults.maxOutputTokens ?? null
  const maxSteps = given?.maxSteps ?? null
  const toolChoice = word('options.toolChoice', given?.toolChoice)
  if (temperature !== null && !(temperature >= 0 && temperature <= 2))
    throw badInput('options.temperature', 'must be between 0 and 2.')
  if (maxOutputTokens !== null && maxOutputTokens < 1) throw badInput('options.maxOutputTokens', 'must be 1 or more.')
  if (maxSteps !== null && maxSteps < 1) throw badInput('options.maxSteps', 'must be 1 or more.')
  checkToolChoice(toolChoice, offered)
  return {
    temperature,
    maxOutputTokens,
    toolChoice,
    reasoningEffort: word('options.reasoningEffort', given?.reasoningEffort),
    maxSteps,
  }
}

/** Whether a tool choice depends on which tools there are. */
export function namesTools(toolChoice: string | null | undefined): toolChoice is string {
  return toolChoice != null && toolChoice !== 'auto' && toolChoice !== 'none'
}

/** More names than this would make no sentence. */
const maxShownNames = 10

/** Throws BAD_USER_INPUT where the model cannot be told so, which names what it could be told. */
function checkToolChoice(toolChoice: string | null, offered: readonly string[]): void {
  if (!namesTools(toolChoice) || offered.includes(toolChoice)) return
  if (offered.length === 0)
    throw badInput(
      'options.toolChoice',
      'must be `auto` or `none`: there is no tool that the model could be told to use.',
    )
  if (toolChoice === 'required') return
  const shown = offered.slice(0, maxShownNames)
  const more = offered.length - shown.length
  const names = `${shown.join(', ')}${more > 0 ? ` and ${more} more` : ''}`
  throw badInput(
    'options.toolChoice',
    `must be \`auto\`, \`none\`, \`required\` or a tool's name, which are: ${names}.`,
  )
}

/**
 * The options for a model. Throws BAD_USER_INPUT with the field where it cannot do what the client asks; what was filled
 * in from the configuration, and it cannot do, is left to it.
 */
export function optionsFor(model: AskedModel, options: RunOptions, given: GivenOptions | null | undefined): RunOptions {
  const problems = Object.entries(model.provider.checkOptions(model.name, options))
  for (const [option, problem] of problems)
    if (problem !== undefined && given?.[option as keyof GivenOptions] != null)
      throw badInput(`options.${option}`, problem)
  return fittingOptions(model, options)
}

/** The options with those left to the model that it cannot do. */
export function fittingOptions({ provider, name }: AskedModel, options: RunOptions): RunOptions {
  const problems = Object.entries(provider.checkOptions(name, options)).filter(([, problem]) => problem !== undefined)
  return { ...options, ...Object.fromEntries(problems.map(([option]) => [option, null])) }
}

type AskedModel = Pick<ResolvedModel, 'provider' | 'name'>

function word(field: string, text: string | null | undefined): string | null {
  return text === null || text === undefined ? null : cleanText(field, text, 200)
}
