import type { Content, Part } from '@google/genai'
import type { AssistantPart, InputFile } from '../chat/transcript.ts'
import { assertNever } from '../platform/assert-never.ts'
import { parseProviderData } from './gemini-data.ts'
import { insistsOnSignatures, takesInstructions, toThinkingConfig } from './gemini-model.ts'
import { functionNames, type GeminiTools, toFunctionName, toGeminiTools } from './gemini-tools.ts'
import { argumentsObject, type ChatTurn, continueText, repairHistory, toolNames } from './history.ts'
import { base64Of, fileTextOf, formOf } from './input-files.ts'
import type { ModelRequest } from './provider.ts'

/**
 * What Google documents for a function call that has no signature because another model made it
 * (https://ai.google.dev/gemini-api/docs/thought-signatures). Where the thoughts are known, nothing replaces them.
 */
const noSignature = 'skip_thought_signature_validator'

/** The body of a `streamGenerateContent` request. */
export interface GeminiRequest extends Partial<GeminiTools> {
  readonly contents: readonly Content[]
  readonly systemInstruction?: Content
  readonly generationConfig?: Readonly<Record<string, unknown>>
}

/** Throws a `ProviderError` where a file is of a type that the model cannot be given. */
export function toGeminiRequest(request: ModelRequest, providerId: string): GeminiRequest {
  const { model, transcript, options } = request
  const { instructions, turns } = repairHistory(transcript, providerId)
  const hasInstructions = instructions !== ''
  const first: readonly ChatTurn[] =
    hasInstructions && !takesInstructions(model) ? [{ role: 'user', text: instructions }] : []
  const generationConfig = toGenerationConfig(model, options)
  return {
    contents: toContents([...first, ...turns], request),
    ...(hasInstructions && first.length === 0 ? { systemInstruction: { parts: [{ text: instructions }] } } : {}),
    ...toGeminiTools(request),
    ...(Object.keys(generationConfig).length === 0 ? {} : { generationConfig }),
  }
}

function toGenerationConfig(model: string, options: ModelRequest['options']): Readonly<Record<string, unknown>> {
  const { temperature, maxOutputTokens, reasoningEffort } = options
  const thinkingConfig = toThinkingConfig(model, reasoningEffort)
  return {
    ...(temperature === null ? {} : { temperature }),
    ...(maxOutputTokens === null ? {} : { maxOutputTokens }),
    ...(thinkingConfig === null ? {} : { thinkingConfig }),
  }
}

interface MutableContent {
  readonly role: 'user' | 'model'
  readonly parts: Part[]
}

/** Users and models take turns, a user begins and ends, and a model's calls have their results at the next one's begin. */
function toContents(turns: readonly ChatTurn[], { model, tools }: ModelRequest): readonly Content[] {
  const declared = functionNames(tools)
  const nameOf = (name: string) => declared.get(name) ?? toFunctionName(name)
  const calls = callsOf(turns, nameOf)
  const contents: MutableContent[] = []
  for (const turn of turns) {
    const role = turn.role === 'assistant' ? 'model' : 'user'
    const parts = toParts(turn, calls)
    if (parts.length === 0) continue
    const last = contents.at(-1)
    if (last?.role === role) last.parts.push(...parts)
    else contents.push({ role, parts })
  }
  const filler = (): MutableContent => ({ role: 'user', parts: [{ text: continueText }] })
  if (contents[0]?.role !== 'user') contents.unshift(filler())
  if (contents.at(-1)?.role !== 'user') contents.push(filler())
  if (insistsOnSignatures(model)) contents.forEach(signFirstCall)
  return contents
}

interface Call {
  readonly name: string
  /** What the API itself called it; absent where it has no ids. */
  readonly id?: string
}

/** How the API knows each call, by the call's id. */
function callsOf(turns: readonly ChatTurn[], nameOf: (name: string) => string): ReadonlyMap<string, Call> {
  const names = toolNames(turns)
  const withIds = turns
    .flatMap((turn) => (turn.role === 'assistant' ? turn.parts : []))
    .filter((part) => part.type === 'tool-call' && parseProviderData(part.providerData).id !== undefined)
    .map((part) => (part.type === 'tool-call' ? part.id : ''))
  const hasId = new Set(withIds)
  return new Map([...names].map(([id, name]) => [id, { name: nameOf(name), ...(hasId.has(id) ? { id } : {}) }]))
}

function toParts(turn: ChatTurn, calls: ReadonlyMap<string, Call>): Part[] {
  switch (turn.role) {
    case 'user':
      return [...(turn.files ?? []).map(toFilePart), ...(turn.text === '' ? [] : [{ text: turn.text }])]
    case 'assistant':
      return turn.parts.flatMap((part) => toModelPart(part, calls) ?? [])
    case 'tool': {
      const response = turn.isError ? { error: turn.text } : { output: turn.text }
      return [{ functionResponse: { ...calls.get(turn.toolCallId), response } }]
    }
    default:
      return assertNever(turn)
  }
}

/** null where there is nothing that the API wants back. */
function toModelPart(part: AssistantPart, calls: ReadonlyMap<string, Call>): Part | null {
  const { thoughtSignature } = parseProviderData(part.providerData)
  const signature = thoughtSignature === undefined ? {} : { thoughtSignature }
  switch (part.type) {
    case 'text':
      return part.text === '' && thoughtSignature === undefined ? null : { text: part.text, ...signature }
    case 'reasoning':
      // A summary of thoughts is for people; the thoughts themselves are in the signature.
      return thoughtSignature === undefined ? null : { text: part.text, thought: true, ...signature }
    case 'tool-call':
      return { functionCall: { ...calls.get(part.id), args: argumentsObject(part.arguments) }, ...signature }
    default:
      return assertNever(part)
  }
}

/** Of calls that a model asks for together, only the first one has a signature. */
function signFirstCall({ parts }: MutableContent): void {
  const at = parts.findIndex(({ functionCall }) => functionCall !== undefined)
  const first = parts[at]
  if (first && first.thoughtSignature === undefined) parts[at] = { ...first, thoughtSignature: noSignature }
}

function toFilePart(file: InputFile): Part {
  const form = formOf(file)
  switch (form) {
    case 'image':
    case 'pdf':
      return { inlineData: { mimeType: essenceOf(file), data: base64Of(file) } }
    case 'text':
      return { text: fileTextOf(file) }
    default:
      return assertNever(form)
  }
}

/** The type without its parameters, which the API does not take. */
function essenceOf({ mediaType }: InputFile): string {
  return (mediaType.split(';', 1)[0] ?? '').trim().toLowerCase()
}
