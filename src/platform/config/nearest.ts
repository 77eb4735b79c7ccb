/** The candidate that `name` was probably meant to be, or undefined where none is close. */
export function nearest(name: string, candidates: Iterable<string>): string | undefined {
  return nearestFew(name, candidates, 1)[0]
}

/** The candidates that `name` may have been meant to be, the closest first; `nameOf` gives what of each is compared. */
export function nearestFew<Candidate>(
  name: string,
  candidates: Iterable<Candidate>,
  count: number,
  nameOf: (candidate: Candidate) => string = String,
): Candidate[] {
  const plain = name.toLowerCase()
  const farthest = Math.max(2, Math.floor(plain.length / 3))
  const close: { candidate: Candidate; distance: number }[] = []
  for (const candidate of candidates) {
    const other = nameOf(candidate).toLowerCase()
    // Each letter that one has more is an edit: most candidates need no counting.
    if (Math.abs(other.length - plain.length) > farthest) continue
    const distance = editDistance(plain, other)
    if (distance <= farthest) close.push({ candidate, distance })
  }
  return close
    .toSorted((one, other) => one.distance - other.distance)
    .slice(0, count)
    .map(({ candidate }) => candidate)
}

/** Levenshtein's: insertions, deletions and replacements between two texts. */
function editDistance(left: string, right: string): number {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[right.length] ?? 0
}
