import { LineCounter, parseDocument } from 'yaml'
import { lineOf } from '../platform/config/from-file.ts'
import type { Path } from '../platform/config/path.ts'

export interface JsonFile {
  readonly value: unknown
  /** Where the path's key stands, or the nearest thing around it. */
  lineOf(path: Path): number | undefined
}

export interface JsonFault {
  readonly fault: string
  readonly line: number | undefined
}

/**
 * Reads JSON, or says what is wrong with it in words that quote nothing of it: unlike the parser's own, which may show a
 * secret.
 */
export function parseJsonFile(text: string): JsonFile | JsonFault {
  const lines = new LineCounter()
  // JSON is YAML, whose parser knows lines and refuses what JSON's lets pass: a key that is there twice.
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false })
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    return jsonFault(text)
  }
  const twice = document.errors.find(({ code }) => code === 'DUPLICATE_KEY')
  if (twice !== undefined) return { fault: 'the same key is there twice', line: lines.linePos(twice.pos[0]).line }
  return { value, lineOf: (path) => lineOf(document, lines, path) }
}

/** A text, which may hold anything, or what people write that JSON does not have. */
const oddity = /"(?:[^"\\\n]|\\.)*"|(?<comment>\/[/*]|#)|(?<comma>,)(?=\s*[}\]])|(?<quote>['`])/g

function jsonFault(text: string): JsonFault {
  for (const { index, groups } of text.matchAll(oddity)) {
    const line = text.slice(0, index).split('\n').length
    if (groups?.comment !== undefined) return { fault: 'JSON has no comments', line }
    if (groups?.comma !== undefined) return { fault: 'JSON has no comma before a closing bracket', line }
    if (groups?.quote !== undefined) return { fault: 'JSON has double quotes only', line }
  }
  return { fault: text.trim() === '' ? 'the file is empty' : 'no valid JSON', line: undefined }
}
