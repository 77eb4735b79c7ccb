import { type DemoDirectives, demoDirectives } from './demo-directives.ts'

const maxQuote = 200

/** The demo model's whole answer to a message. */
export function writeAnswer(message: string, { words, markdown }: DemoDirectives): string {
  if (words !== null) return writeWords(words)
  if (markdown) return markdownAnswer
  const quote = quoteOf(message)
  const hints = demoDirectives.map(({ usage, description }) => `- \`${usage}\`: ${description}`).join('\n')
  return `I am Parley's demo model: no AI, only a script that streams its words at a human pace, so that you can build and try a frontend without a key.

${quote === '' ? 'You said nothing.' : `You said: "${quote}"`}

With one of these in your message I do something else:

${hints}

For real answers, configure a provider: OPENAI_API_KEY is enough.`
}

export interface DemoResult {
  readonly name: string
  readonly text: string
  readonly isError: boolean
}

/** What the demo model says of the results of the tools that it asked for. */
export function writeResults(results: readonly DemoResult[]): string {
  if (results.length === 0) return 'I asked for a tool, and was not told what became of it.'
  return results
    .map(({ name, text, isError }) => `The tool ${name} ${isError ? 'failed' : 'gave'}: "${quoteOf(text)}"`)
    .join('\n\n')
}

export function writeReasoning(message: string): string {
  const count = message.split(/\s+/).filter(Boolean).length
  return `The message has ${count} words. I am a demo and cannot think, but this is where a model's reasoning would stream, before the answer begins.`
}

function quoteOf(text: string): string {
  const said = text.trim().replace(/\s+/g, ' ')
  return said.length > maxQuote ? `${said.slice(0, maxQuote).toWellFormed()}…` : said
}

const sentence =
  '[0] is where this sentence of a long answer begins, which means nothing and comes again until there are enough words.'.split(
    ' ',
  )

/** Exactly `count` words, each sentence with the number of its first word, so that a lost or doubled one can be seen. */
function writeWords(count: number): string {
  const written: string[] = []
  for (let index = 0; index < count; index++) {
    const place = index % sentence.length
    written.push(place === 0 ? `[${index + 1}]` : (sentence[place] ?? ''))
  }
  return written.join(' ')
}

const markdownAnswer = `# A demo of Markdown

This answer has **bold**, *italic* and \`inline code\`, and a [link](https://example.com).

## A list

1. First
2. Second
   - with a point below it
3. Third

## A table

| Language | Greeting |
| --- | --- |
| English | Hello |
| Ελληνικά | Γειά σου |
| 日本語 | こんにちは |

## Code

\`\`\`ts
for await (const event of client.iterate({ query })) {
  if (event.data) show(event.data)
}
\`\`\`

> And a quotation, to end with. 👋
`
