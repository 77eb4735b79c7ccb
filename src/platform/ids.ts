import { decodeTime, monotonicFactory } from 'ulid'

/** The kinds of thing that have a global id: an id is its kind, an underscore and a ULID in lower case. */
export const idKinds = [
  'user',
  'thread',
  'message',
  'run',
  'toolcall',
  'approval',
  'grant',
  'elicitation',
  'attachment',
] as const
export type IdKind = (typeof idKinds)[number]

const nextUlid = monotonicFactory()

/** A ULID in lower case (https://github.com/ulid/spec): it sorts in time, also within a millisecond. */
export function newUlid(): string {
  return nextUlid().toLowerCase()
}

/**
 * A new global id, such as `thread_01jd7k2v9r3m8q5x1c4t6w0ybz`. It sorts after `previous`, an id of the same kind, also
 * where that was made on a machine whose clock is ahead.
 */
export function newId(kind: IdKind, previous: string | null = null): string {
  const id = `${kind}_${newUlid()}`
  if (previous === null || id > previous) return id
  const time = decodeTime(previous.slice(kind.length + 1).toUpperCase())
  return `${kind}_${nextUlid(time + 1).toLowerCase()}`
}

/** The kind that an id names, or undefined where it is no id of ours. */
export function kindOfId(id: string): IdKind | undefined {
  const kind = /^([a-z]+)_[0-9a-z]+$/.exec(id)?.[1]
  return idKinds.find((known) => known === kind)
}
