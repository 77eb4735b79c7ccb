import { parentPort } from 'node:worker_threads'
import { RE2JS } from 're2js'
import { lowerThreadPriority } from '../platform/thread-priority.ts'
import type { Span } from './passages.ts'

/** What a request may take, in milliseconds: by the clock, and of the processor's time. */
export interface PatternBudget {
  readonly wallMs: number
  readonly cpuMs: number
}

interface Asked {
  /** A pattern in RE2's syntax; case is not looked at. */
  readonly source: string
  readonly texts: readonly string[]
  readonly budget: PatternBudget
}

/** Which texts match; once one of a group has, the others of it are not looked at. Without texts, the pattern is checked. */
export interface FindRequest extends Asked {
  readonly kind: 'find'
  /** The group of each text. */
  readonly groups: readonly string[]
}

/** Where the texts match. */
export interface MarkRequest extends Asked {
  readonly kind: 'mark'
  /** Of one text. */
  readonly mostSpans: number
}

export type PatternRequest = FindRequest | MarkRequest

export type PatternResponse =
  | 'ready'
  | { readonly problem: 'invalid' | 'too large' }
  /** The places of those that match, and how many were looked at before the budget was spent. */
  | { readonly matched: readonly number[]; readonly looked: number }
  /** One list for each text: of those that were not looked at, empty. */
  | { readonly spans: readonly (readonly Span[])[] }

/** Of a compiled pattern, in instructions: what repeats what repeats grows with each level. */
const maxProgramSize = 2_000
/** Compiled patterns that are kept, as many as are searched for at once. */
const maxKept = 2

if (parentPort === null) throw new Error('pattern-worker.ts runs as a worker thread only')
const port = parentPort
const kept = new Map<string, RE2JS | 'invalid' | 'too large'>()

function compiled(source: string): RE2JS | 'invalid' | 'too large' {
  const known = kept.get(source) ?? compile(source)
  kept.delete(source)
  kept.set(source, known)
  for (const oldest of kept.keys()) if (kept.size > maxKept) kept.delete(oldest)
  return known
}

function compile(source: string): RE2JS | 'invalid' | 'too large' {
  try {
    const pattern = RE2JS.compile(source, RE2JS.CASE_INSENSITIVE)
    return pattern.programSize() > maxProgramSize ? 'too large' : pattern
  } catch {
    return 'invalid'
  }
}

function answer(request: PatternRequest): PatternResponse {
  const isSpent = clock(request.budget)
  const pattern = compiled(request.source)
  if (typeof pattern === 'string') return { problem: pattern }
  return request.kind === 'find' ? find(pattern, request, isSpent) : mark(pattern, request, isSpent)
}

function clock({ wallMs, cpuMs }: PatternBudget): () => boolean {
  const endsAt = performance.now() + wallMs
  const before = process.threadCpuUsage()
  return () => {
    if (performance.now() >= endsAt) return true
    const { user, system } = process.threadCpuUsage(before)
    return user + system >= cpuMs * 1_000
  }
}

function find(pattern: RE2JS, { texts, groups }: FindRequest, isSpent: () => boolean): PatternResponse {
  const matched: number[] = []
  const matchedGroups = new Set<string>()
  for (const [index, text] of texts.entries()) {
    const group = groups[index] ?? ''
    if (matchedGroups.has(group)) continue
    if (isSpent()) return { matched, looked: index }
    if (!pattern.test(text)) continue
    matched.push(index)
    matchedGroups.add(group)
  }
  return { matched, looked: texts.length }
}

function mark(pattern: RE2JS, { texts, mostSpans }: MarkRequest, isSpent: () => boolean): PatternResponse {
  return { spans: texts.map((text) => spansIn(text, pattern, mostSpans, isSpent)) }
}

function spansIn(text: string, pattern: RE2JS, most: number, isSpent: () => boolean): readonly Span[] {
  const spans: Span[] = []
  if (isSpent() || !pattern.test(text)) return spans
  const matcher = pattern.matcher(text)
  // Matches of nothing count too, so that there is an end to them.
  for (let count = 0; count < most && !isSpent() && matcher.find(); count++) {
    if (matcher.end() > matcher.start()) spans.push({ start: matcher.start(), end: matcher.end() })
  }
  return spans
}

port.on('message', (request: PatternRequest) => port.postMessage(answer(request)))
lowerThreadPriority()
port.postMessage('ready' satisfies PatternResponse)
