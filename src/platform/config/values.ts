import { z } from 'zod'

/** Milliseconds; at most what a timer of Node takes. */
export function milliseconds(minimum: number) {
  return z.int().min(minimum).max(2_147_483_647)
}

export function atLeast(minimum: number) {
  return z.int().min(minimum)
}
