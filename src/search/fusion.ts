import type { Hit } from './scope.ts'

/** A ranking, and how much it counts. */
export interface Ranking {
  readonly hits: readonly Hit[]
  readonly weight: number
}

/** How much each way of searching counts: words that are there, or a pattern that was written for it, say more than a likeness. */
export const weights = { regex: 3, fullText: 2, semantic: 1 } as const

/** How much the first places count more than those after them: the constant of the original paper. */
const smoothing = 60

/**
 * Rankings joined into one by reciprocal rank fusion (https://plg.uwaterloo.ca/~gvcormac/cormacksigir09-rrf.pdf): only
 * places count, since scores of different kinds cannot be compared. The score is 1 for what is first in all of them.
 */
export function fuse(rankings: readonly Ranking[]): readonly Hit[] {
  const hits = new Map<string, Hit>()
  const places = rankings.map(({ hits: found, weight }) => {
    const best = bestOf(found, ({ messageId }) => messageId)
    for (const hit of best) if (!hits.has(hit.messageId)) hits.set(hit.messageId, hit)
    return { items: best.map(({ messageId }) => messageId), weight }
  })
  const scores = fusedScores(places)
  return [...hits.values()].map((hit) => ({ ...hit, score: scores.get(hit.messageId) ?? 0 })).sort(byScore)
}

/** The scores of whatever is ranked, each item at most once in a ranking. */
export function fusedScores<Item>(
  rankings: readonly { readonly items: readonly Item[]; readonly weight: number }[],
): ReadonlyMap<Item, number> {
  const most = rankings.reduce((sum, { weight }) => sum + weight / (smoothing + 1), 0)
  const scores = new Map<Item, number>()
  for (const { items, weight } of rankings)
    for (const [place, item] of items.entries())
      scores.set(item, (scores.get(item) ?? 0) + weight / (smoothing + 1 + place) / most)
  return scores
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
