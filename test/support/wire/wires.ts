import { anthropic } from './anthropic.ts'
import { gemini } from './gemini.ts'
import { ollama } from './ollama.ts'
import { openaiChat } from './openai-chat.ts'
import { openaiResponses } from './openai-responses.ts'
import type { Wire } from './wire.ts'

/** Every API of a model, by the kind that speaks it. */
export const wires: Readonly<Record<string, Wire>> = Object.fromEntries(
  [openaiChat, openaiResponses, anthropic, gemini, ollama].map((wire) => [wire.kind, wire]),
)
