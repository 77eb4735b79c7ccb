import { posix } from 'node:path'
import type { ApprovalPolicy, ToolDefinition } from './tool.ts'

/** Patterns of tools' names, in which `*` stands for anything. */
export interface PolicyConfig {
  readonly deny: readonly string[]
  readonly allow: readonly string[]
  readonly ask: readonly string[]
}

type PolicySubject = Pick<ToolDefinition, 'name' | 'source' | 'serverId' | 'serverToolName' | 'defaultPolicy'>

/**
 * What becomes of a call of a tool, first match wins: the configuration's `deny`, its `allow`, what the user granted, its
 * `ask`, then what the tool's source says. A tool that the client runs itself is asked of nobody: `deny` alone stops it.
 *
 * A name that had to be changed ends with a hash: what forbids a tool, or asks, forbids and asks by its server's name as well.
 */
export function policyFor(
  { name, source, serverId, serverToolName, defaultPolicy }: PolicySubject,
  { deny, allow, ask }: PolicyConfig,
  isGranted: boolean,
): ApprovalPolicy {
  const names = serverToolName === null ? [name] : [name, `${serverId}__${serverToolName}`]
  const matches = (patterns: readonly string[], those = names) =>
    patterns.some((pattern) => those.some((one) => posix.matchesGlob(one, pattern)))
  if (matches(deny)) return 'DENY'
  if (source === 'CLIENT' || matches(allow, [name])) return 'ALLOW'
  if (isGranted) return 'ALLOW'
  if (matches(ask)) return 'ASK'
  return defaultPolicy
}
