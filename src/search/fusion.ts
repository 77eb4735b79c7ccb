import type { Hit } from './scope.ts'

/** A ranking, and how much it counts. */
export interface Ranking {
  readonly hits: readonly Hit[]
  readonly weight: number
}

/** How much the first places count more than those after them: the constant of the original paper. */
const smoothing = 60

/**
 * Rankings joined into one by reciprocal rank fusion (https://plg.uwaterloo.ca/~gvcormac/cormacksigir09-rrf.pdf): only
 * places count, since scores of different kinds cannot be compared. The score is 1 for what is first in all of them.
 */
export function fuse(rankings: readonly Ranking[]): readonly Hit[] {
  const most = rankings.reduce((sum, { weight }) => sum + weight / (smoothing + 1), 0)
  const fused = new Map<string, Hit>()
  for (const { hits, weight } of rankings) {
    for (const [place, hit] of bestOf(hits, ({ messageId }) => messageId).entries()) {
      const known = fused.get(hit.messageId)
      const score = weight / (smoothing + 1 + place) / most
      fused.set(hit.messageId, { ...(known ?? hit), score: (known?.score ?? 0) + score })
    }
  }
  return [...fused.values()].sort(byScore)
}

/** Best first; of two with one score, that of the newer message. */
export function byScore(a: Hit, b: Hit): number {
  return b.score - a.score || (a.messageId < b.messageId ? 1 : -1)
}

/** The first of each kind. */
export function bestOf(hits: readonly Hit[], kind: (hit: Hit) => string): readonly Hit[] {
  const best = new Map<string, Hit>()
  for (const hit of hits) if (!best.has(kind(hit))) best.set(kind(hit), hit)
  return [...best.values()]
}
