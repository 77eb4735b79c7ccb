import type { FunctionCallingConfigMode, FunctionDeclaration } from '@google/genai'
import type { ModelRequest, ToolDefinition } from './provider.ts'

const maxNameLength = 128

export interface GeminiTools {
  readonly tools: readonly [{ readonly functionDeclarations: readonly FunctionDeclaration[] }]
  readonly toolConfig?: { readonly functionCallingConfig: CallingConfig }
}

interface CallingConfig {
  readonly mode: `${FunctionCallingConfigMode}`
  readonly allowedFunctionNames?: readonly string[]
}

/** The tools as the API is told of them; null where there are none. */
export function toGeminiTools({ tools, options }: Pick<ModelRequest, 'tools' | 'options'>): GeminiTools | null {
  if (tools.length === 0) return null
  const names = functionNames(tools)
  const { toolChoice } = options
  return {
    tools: [{ functionDeclarations: tools.map((tool) => toDeclaration(tool, names.get(tool.name) ?? tool.name)) }],
    ...(toolChoice === null ? {} : { toolConfig: { functionCallingConfig: toCallingConfig(toolChoice, names) } }),
  }
}

/** The name under which the API knows each tool, by the tool's own: a function's name begins with no digit and no dash. */
export function functionNames(tools: readonly ToolDefinition[]): ReadonlyMap<string, string> {
  const taken = new Set(tools.map(({ name }) => name).filter((name) => toFunctionName(name) === name))
  return new Map(
    tools.map(({ name }) => {
      let free = toFunctionName(name)
      while (free !== name && taken.has(free)) free = `_${free}`
      taken.add(free)
      return [name, free]
    }),
  )
}

/** The tools' own names, by what `functionNames` gave them. */
export function ownNames(tools: readonly ToolDefinition[]): ReadonlyMap<string, string> {
  return new Map([...functionNames(tools)].map(([name, functionName]) => [functionName, name]))
}

/** The nearest name that the API takes. */
export function toFunctionName(name: string): string {
  const word = name.replaceAll(/[^\w.:-]/g, '_').slice(0, maxNameLength - 1)
  return /^[a-z_]/i.test(word) ? word : `_${word}`
}

function toDeclaration({ description, inputSchema }: ToolDefinition, name: string): FunctionDeclaration {
  // The API insists on a description.
  return { name, description: description || name, parametersJsonSchema: inputSchema }
}

function toCallingConfig(toolChoice: string, names: ReadonlyMap<string, string>): CallingConfig {
  switch (toolChoice) {
    case 'auto':
      return { mode: 'AUTO' }
    case 'none':
      return { mode: 'NONE' }
    case 'required':
      return { mode: 'ANY' }
    default:
      return { mode: 'ANY', allowedFunctionNames: [names.get(toolChoice) ?? toFunctionName(toolChoice)] }
  }
}
