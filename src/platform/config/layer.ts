import type { Path } from './path.ts'
import type { ConfigProblem } from './problems.ts'
import type { Source } from './source.ts'

/** What one place says about one key: the raw value, not yet checked. */
export interface Setting {
  readonly value: unknown
  readonly source: Source
  /** The source of what is inside the value, by its path from the root; where absent, `source` is all there is. */
  readonly sourceOf?: (path: Path) => Source
}

/** What one place says, by the path of the key. */
export type Layer = ReadonlyMap<string, Setting>

/** What reading a place gives: all that could be read, and what is wrong with the rest. */
export interface Reading {
  readonly layer: Layer
  readonly problems: readonly ConfigProblem[]
}

export type Variables = Readonly<Record<string, string | undefined>>
