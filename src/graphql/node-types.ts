import { type IdKind, kindOfId } from '../platform/ids.ts'

/** The GraphQL type that an id of each kind names; a kind that is left out has none yet. */
const nodeTypes = {
  user: 'User',
  thread: 'Thread',
  message: 'Message',
  run: 'Run',
  toolcall: 'ToolCall',
  approval: 'ToolApproval',
  attachment: 'Attachment',
} as const satisfies Partial<Record<IdKind, string>>

/** The name of the GraphQL type that an id belongs to, or undefined where it is no id of ours. */
export function typeOfId(id: string): string | undefined {
  const kind = kindOfId(id)
  return kind && kind in nodeTypes ? nodeTypes[kind as keyof typeof nodeTypes] : undefined
}
