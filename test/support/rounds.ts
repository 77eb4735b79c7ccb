/**
 * How often a test repeats what it shows: `ci` times in every run, `full` times where `PARLEY_TEST_ROUNDS` is `full`, as
 * `npm run test:long` sets it. Timeouts can be chosen the same way.
 */
export function rounds(ci: number, full: number): number {
  return process.env.PARLEY_TEST_ROUNDS === 'full' ? full : ci
}

/** Puts the number of rounds into a test's report, where `npm run test:long` reads it. */
export function countRounds({ meta }: { meta: object }, ci: number, full: number): number {
  const count = rounds(ci, full)
  Object.assign(meta, { rounds: count })
  return count
}
