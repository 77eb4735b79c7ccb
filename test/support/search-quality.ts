/** How well a list of what was found answers queries that each have one answer. */
export interface Quality {
  /** The share of queries whose answer is among the first ten. */
  readonly recall: number
  /** The mean of 1 / the answer's place, 0 where it is not among the first ten. */
  readonly reciprocalRank: number
}

/** The places of the answers, from 1; null for those that are not among the first ten. */
export function qualityOf(places: readonly (number | null)[]): Quality {
  const mean = (value: (place: number | null) => number) =>
    Math.round((places.reduce<number>((sum, place) => sum + value(place), 0) / places.length) * 1000) / 1000
  return {
    recall: mean((place) => (place === null ? 0 : 1)),
    reciprocalRank: mean((place) => (place === null ? 0 : 1 / place)),
  }
}
