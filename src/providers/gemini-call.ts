import type { FunctionCall, PartialArg } from '@google/genai'
import { isJsonObject } from '../platform/json.ts'

const maxPathLength = 1_024
/** `$.places[0].name` and `$['a name']`: what of RFC 9535 names one place. */
const segmentPattern = /\.([^.[\]]+)|\[(\d{1,5})\]|\['([^']*)'\]|\["([^"]*)"\]/y

/**
 * One function call, which may come whole, or in parts: first its name, then its arguments piece by piece, each piece
 * with the place where it belongs, and an empty call at its end.
 */
export class GeminiCall {
  name = ''
  id: string | undefined
  thoughtSignature: string | undefined
  #arguments: unknown = {}

  /** Takes the call, or its next part; returns what of it is kept, in UTF-16 code units at most. */
  add(call: FunctionCall, thoughtSignature: string | undefined): number {
    if (typeof call.name === 'string' && call.name !== '') this.name = call.name
    if (typeof call.id === 'string' && call.id !== '') this.id = call.id
    this.thoughtSignature ??= thoughtSignature
    let length = thoughtSignature?.length ?? 0
    if (call.args != null) {
      this.#arguments = call.args
      length += this.arguments.length
    }
    if (Array.isArray(call.partialArgs)) for (const piece of call.partialArgs) length += this.#addPiece(piece)
    return length
  }

  /** JSON text. */
  get arguments(): string {
    return JSON.stringify(this.#arguments)
  }

  #addPiece(piece: PartialArg | null): number {
    if (!isJsonObject(piece) || typeof piece.jsonPath !== 'string' || !isJsonObject(this.#arguments)) return 0
    const path = parsePath(piece.jsonPath)
    const value = givenValue(piece)
    if (path === null || value === undefined) return 0
    put(this.#arguments, path, value)
    return piece.jsonPath.length + String(value).length
  }
}

type Segment = string | number

/** The places that the path goes through, or null where it is none that a piece of arguments can have. */
function parsePath(path: string): readonly Segment[] | null {
  if (!path.startsWith('$') || path.length > maxPathLength) return null
  const segments: Segment[] = []
  segmentPattern.lastIndex = 1
  while (segmentPattern.lastIndex < path.length) {
    const found = segmentPattern.exec(path)
    if (found === null) return null
    const [, word, index, single, double] = found
    const name = word ?? single ?? double ?? ''
    if (name === '__proto__') return null
    segments.push(index === undefined ? name : Number(index))
  }
  return segments.length === 0 ? null : segments
}

function givenValue(piece: PartialArg): string | number | boolean | null | undefined {
  if (typeof piece.stringValue === 'string') return piece.stringValue
  if (typeof piece.numberValue === 'number') return piece.numberValue
  if (typeof piece.boolValue === 'boolean') return piece.boolValue
  return piece.nullValue === undefined ? undefined : null
}

/** Puts the value in its place, after the text that is there already. What leads nowhere is left out. */
function put(root: Record<string, unknown>, path: readonly Segment[], value: string | number | boolean | null): void {
  let target: Record<string, unknown> | unknown[] = root
  for (const [at, segment] of path.entries()) {
    const next = path[at + 1]
    if (Array.isArray(target) && (typeof segment !== 'number' || segment > target.length)) return
    // An array takes its indexes as names, too.
    const container = target as Record<Segment, unknown>
    const present = Object.hasOwn(container, segment) ? container[segment] : undefined
    if (next === undefined) {
      container[segment] = typeof present === 'string' && typeof value === 'string' ? present + value : value
    } else if (isJsonObject(present) || Array.isArray(present)) {
      target = present
    } else {
      target = typeof next === 'number' ? [] : {}
      container[segment] = target
    }
  }
}
