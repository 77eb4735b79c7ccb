import { z } from 'zod'
import { sanitizeText } from '../platform/text.ts'
import { readBlock, readContents } from './content.ts'
import { LimitError } from './failures.ts'
import type { McpContent, McpPrompt, McpPromptMessage, McpResource } from './mcp.ts'
import { readPages } from './pages.ts'
import type { RequestOptions, Session } from './session.ts'

/** In UTF-16 code units: longer words of people are cut. */
const maxLength = 16_384
/** Of names and addresses, which are sent back as they came: a longer one could not be. */
const maxKeyLength = 4_096

const key = z
  .string()
  .min(1)
  .max(maxKeyLength)
  .refine((text) => sanitizeText(text) === text)
const words = z
  .string()
  .transform((text) => sanitizeText(text.slice(0, maxLength)))
  .nullish()
  .catch(null)
  .transform((text) => text ?? null)

const resourceSchema = z.looseObject({ uri: key, name: key, title: words, description: words, mimeType: words })
const promptSchema = z.looseObject({
  name: key,
  title: words,
  description: words,
  arguments: z
    .array(z.looseObject({ name: key, description: words, required: z.boolean().optional() }))
    .nullish()
    .transform((list) => list ?? []),
})

/** The resources of a server (MCP, Resources); none where it has no such thing. What is no resource is left out. */
export async function listResources(
  session: Session,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<readonly McpResource[]> {
  if (!session.capabilities.resources) return []
  const { items } = await readPages(session, 'resources/list', 'resources', options, signal)
  return items.flatMap((item) => {
    const { success, data } = resourceSchema.safeParse(item)
    if (!success) return []
    const { uri, name, title, description, mimeType } = data
    return { uri, name, title, description, mediaType: mimeType }
  })
}

export async function readResource(
  session: Session,
  uri: string,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<readonly McpContent[]> {
  const schema = z.looseObject({ contents: z.array(z.unknown()) })
  const { contents } = await session.request({ method: 'resources/read', params: { uri } }, schema, options, signal)
  return contents.flatMap((item) => readContents(item) ?? [])
}

/** The prompts of a server (MCP, Prompts); none where it has no such thing. What is no prompt is left out. */
export async function listPrompts(
  session: Session,
  options: RequestOptions,
  signal: AbortSignal,
): Promise<readonly McpPrompt[]> {
  if (!session.capabilities.prompts) return []
  const { items } = await readPages(session, 'prompts/list', 'prompts', options, signal)
  return items.flatMap((item) => {
    const { success, data } = promptSchema.safeParse(item)
    if (!success) return []
    const { name, title, description, arguments: list } = data
    const args = list.map((arg) => ({
      name: arg.name,
      description: arg.description,
      required: arg.required ?? false,
    }))
    return { name, title, description, arguments: args }
  })
}

const promptResultSchema = z.looseObject({
  messages: z.array(z.looseObject({ role: z.enum(['user', 'assistant']), content: z.unknown() })),
})

export async function getPrompt(
  session: Session,
  prompt: { readonly name: string; readonly arguments: Readonly<Record<string, string>> },
  options: RequestOptions,
  signal: AbortSignal,
): Promise<readonly McpPromptMessage[]> {
  const params = { name: prompt.name, arguments: prompt.arguments }
  const { messages } = await session.request({ method: 'prompts/get', params }, promptResultSchema, options, signal)
  return messages.map(({ role, content }) => {
    const block = readBlock(content)
    if (!block) throw new LimitError('its prompt holds content of a kind that is not known here')
    return { role, content: block }
  })
}
