import { posix } from 'node:path'
import type { ApprovalPolicy, ToolDefinition } from './tool.ts'

/** Patterns of tools' names, in which `*` stands for anything. */
export interface PolicyConfig {
  readonly deny: readonly string[]
  readonly allow: readonly string[]
  readonly ask: readonly string[]
}

/**
 * What becomes of a call of a tool, first match wins: the configuration's `deny`, its `allow`, what the user granted, its
 * `ask`, then what the tool's source says. A tool that the client runs itself is asked of nobody: `deny` alone stops it.
 */
export function policyFor(
  { name, source, defaultPolicy }: Pick<ToolDefinition, 'name' | 'source' | 'defaultPolicy'>,
  { deny, allow, ask }: PolicyConfig,
  isGranted: boolean,
): ApprovalPolicy {
  const matches = (patterns: readonly string[]) => patterns.some((pattern) => posix.matchesGlob(name, pattern))
  if (matches(deny)) return 'DENY'
  if (source === 'CLIENT' || matches(allow)) return 'ALLOW'
  if (isGranted) return 'ALLOW'
  if (matches(ask)) return 'ASK'
  return defaultPolicy
}
