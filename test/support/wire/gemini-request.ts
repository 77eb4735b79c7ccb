import type { Content, FunctionDeclaration } from '@google/genai'
import { type ReceivedRequest, resultProblems, type WireRequest, type WireTurn } from './wire.ts'

/** What is read of a request's body. The SDK's types are of its own parameters, which it rearranges. */
interface Body {
  readonly contents?: readonly Content[]
  readonly systemInstruction?: Content
  readonly tools?: readonly { readonly functionDeclarations?: readonly FunctionDeclaration[] }[]
  readonly toolConfig?: {
    readonly functionCallingConfig?: { readonly mode?: string; readonly allowedFunctionNames?: readonly string[] }
  }
  readonly generationConfig?: { readonly temperature?: number; readonly maxOutputTokens?: number }
}

/** What a request to the Gemini API asks. */
export function readGeminiRequest({ path, body: received }: ReceivedRequest): WireRequest {
  const body = received as Body
  const contents = body.contents ?? []
  const { mode, allowedFunctionNames } = body.toolConfig?.functionCallingConfig ?? {}
  const choices: Record<string, string> = { AUTO: 'auto', NONE: 'none', ANY: 'required' }
  return {
    model: decodeURIComponent(/models\/([^/]+):/.exec(path)?.[1] ?? ''),
    instructions: textOf(body.systemInstruction),
    turns: contents.flatMap(turnsOf),
    tools: (body.tools ?? [])
      .flatMap((tool) => tool.functionDeclarations ?? [])
      .map(({ name = '', description, parametersJsonSchema }) => ({
        name,
        description,
        inputSchema: parametersJsonSchema,
      })),
    toolChoice: mode === undefined ? null : (allowedFunctionNames?.[0] ?? choices[mode] ?? mode),
    temperature: body.generationConfig?.temperature ?? null,
    maxOutputTokens: body.generationConfig?.maxOutputTokens ?? null,
    images: contents
      .flatMap(({ parts = [] }) => parts)
      .flatMap(({ inlineData }) =>
        inlineData ? [{ mediaType: inlineData.mimeType ?? '', data: inlineData.data ?? '' }] : [],
      ),
    problems: problemsOf(contents),
  }
}

function textOf(content: Content | undefined): string {
  return (content?.parts ?? []).map(({ text, thought }) => (thought ? '' : (text ?? ''))).join('')
}

function turnsOf(content: Content): readonly WireTurn[] {
  const { role, parts = [] } = content
  const results = parts.flatMap(({ functionResponse }) =>
    functionResponse ? [{ role: 'tool' as const, text: JSON.stringify(functionResponse.response) }] : [],
  )
  if (results.length === parts.length) return results
  return [...results, { role: role === 'model' ? 'assistant' : 'user', text: textOf(content) }]
}

/** Calls and results are told by their ids, and where there are none by name and place. */
function problemsOf(contents: readonly Content[]): readonly string[] {
  const problems: string[] = []
  if (contents[0]?.role !== 'user') problems.push('the first turn is not the user’s')
  if (contents.at(-1)?.role !== 'user') problems.push('the last turn is not the user’s')
  contents.forEach(({ role, parts = [] }, index) => {
    if (index > 0 && contents[index - 1]?.role === role) problems.push('roles do not alternate')
    if (parts.length === 0) problems.push(`a turn of ${role} is empty`)
    for (const part of parts) {
      const isEmpty = part.text === '' && part.thoughtSignature === undefined
      if (isEmpty || Object.keys(part).length === 0) problems.push('a part is empty')
      if (part.functionCall && role !== 'model') problems.push('the user calls')
      if (part.functionResponse && role !== 'user') problems.push('the model responds')
      const response: unknown = part.functionResponse?.response
      if (part.functionResponse && (typeof response !== 'object' || Array.isArray(response)))
        problems.push('a response that is no object')
    }
  })
  const steps = contents.map(({ parts = [] }, index) => ({
    calls: parts.flatMap(({ functionCall: call }, at) => (call ? [call.id ?? `${call.name} ${index} ${at}`] : [])),
    results: [] as string[],
  }))
  contents.forEach(({ parts = [] }, index) => {
    const calls = (contents[index - 1]?.parts ?? []).flatMap(({ functionCall }) => functionCall ?? [])
    const responses = parts.flatMap(({ functionResponse }) => functionResponse ?? [])
    const asked = steps[index - 1]?.calls ?? []
    responses.forEach((response, at) => {
      if (response.name !== calls[at]?.name) problems.push(`the response of ${response.name} has another name`)
      if (response.id !== calls[at]?.id) problems.push(`the response of ${response.name} has another id`)
      steps[index]?.results.push(asked[at] ?? 'nothing')
    })
  })
  return [...problems, ...resultProblems(steps)]
}
