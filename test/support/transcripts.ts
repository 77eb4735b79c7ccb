import * as fc from 'fast-check'
import type { AssistantPart, AssistantTurn, InputFile, ToolTurn, Transcript, Turn } from '../../src/chat/transcript.ts'
import type { JsonObject } from '../../src/platform/json.ts'

// Whatever the database can hold, or a client can give to `complete`.

/** Few ids, so that they collide, are missing and are alien to any API's pattern. */
const callIds = fc.constantFrom('', 'call_1', 'call_2', 'toolu_01', 'id with spaces / and ünicode', 'x'.repeat(100))
const names = fc.constantFrom('weather', 'SERVER__tool-2', 'a')
const texts = fc.oneof(
  fc.constantFrom('', ' ', '\n', 'Hello', 'two words ', '🙂'),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
)
const argumentTexts = fc.oneof(
  fc.constantFrom('', '{}', '[]', 'null', '"text"', '{"city":"Oslo"}', '{"city":', 'no JSON', '{"a":1}{"b":2}'),
  fc.json({ maxDepth: 2 }),
)

/** Data of this provider and of others, fit and unfit: `own` are shapes that the provider itself makes. */
function providerData(own: readonly JsonObject[]): fc.Arbitrary<JsonObject | null> {
  return fc.constantFrom(
    null,
    {},
    { kind: 'unheard-of', signature: 's' },
    { kind: 'anthropic', signature: 7 },
    { kind: 'gemini' },
    ...own,
  )
}

export const inputFiles: readonly InputFile[] = [
  { mediaType: 'image/png', filename: 'dot.png', data: Buffer.from('iVBORw0KGgo=', 'base64') },
  { mediaType: 'text/plain', filename: 'note.txt', data: Buffer.from('A note.') },
]

function parts(own: readonly JsonObject[]): fc.Arbitrary<readonly AssistantPart[]> {
  const data = providerData(own)
  return fc.array(
    fc.oneof(
      fc.record({ type: fc.constant('text' as const), text: texts, providerData: data }),
      fc.record({ type: fc.constant('reasoning' as const), text: texts, providerData: data }),
      fc.record({
        type: fc.constant('tool-call' as const),
        id: callIds,
        name: names,
        arguments: argumentTexts,
        providerData: data,
      }),
    ),
    { maxLength: 5 },
  )
}

/**
 * Any transcript. `providerId` is the provider under test and `ownData` what it may have kept; a quarter of the
 * assistants' turns are another provider's or nobody's.
 */
export function transcripts({
  providerId,
  ownData = [],
  files = inputFiles,
}: {
  providerId: string
  ownData?: readonly JsonObject[]
  files?: readonly InputFile[]
}): fc.Arbitrary<Transcript> {
  const assistant: fc.Arbitrary<AssistantTurn> = fc.record({
    role: fc.constant('assistant' as const),
    providerId: fc.constantFrom(providerId, providerId, 'another', null),
    parts: parts(ownData),
  })
  const tool: fc.Arbitrary<ToolTurn> = fc.record({
    role: fc.constant('tool' as const),
    toolCallId: callIds,
    text: texts,
    isError: fc.boolean(),
  })
  const user: fc.Arbitrary<Turn> = fc.record({
    role: fc.constant('user' as const),
    text: texts,
    files: files.length === 0 ? fc.constant([]) : fc.array(fc.constantFrom(...files), { maxLength: 2 }),
  })
  const system: fc.Arbitrary<Turn> = fc.record({ role: fc.constant('system' as const), text: texts })
  return fc.array(
    fc.oneof(
      { weight: 4, arbitrary: user },
      { weight: 4, arbitrary: assistant },
      { weight: 4, arbitrary: tool },
      { weight: 1, arbitrary: system },
    ),
    { maxLength: 12 },
  )
}
