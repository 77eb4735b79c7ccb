import { type IdKind, kindOfId } from '../platform/ids.ts'

/** The GraphQL type that an id of each kind names. */
const nodeTypes = {
  user: 'User',
  thread: 'Thread',
  message: 'Message',
  run: 'Run',
} as const satisfies Record<IdKind, string>

/** The name of the GraphQL type that an id belongs to, or undefined where it is no id of ours. */
export function typeOfId(id: string): string | undefined {
  const kind = kindOfId(id)
  return kind && nodeTypes[kind]
}
