import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'

const pollMs = 50

/** Ends what is left of a group whose leader has ended: SIGTERM, and SIGKILL after `graceMs`. */
export async function endGroup(group: number, graceMs: number): Promise<void> {
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    if (!signalGroup(group, signal)) return
    // Nobody tells when a process ends that is not one's own child.
    for (const until = performance.now() + graceMs; performance.now() < until; await sleep(pollMs)) {
      if (!(await livesGroup(group))) return
    }
  }
}

/** Signals every process of a group; returns whether there was any. 0 only asks. */
export function signalGroup(group: number, signal: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(-group, signal)
  } catch (error) {
    // One of another user cannot be signalled, which says that it lives.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function livesGroup(group: number): Promise<boolean> {
  return signalGroup(group, 0) && (process.platform !== 'linux' || (await hasLivingMember(group)))
}

/**
 * What has ended stays in the group until its parent takes notice, and where that is the first process of a container, it
 * may never: such an entry takes signals like a living process. The file system of Linux's kernel tells them apart.
 */
async function hasLivingMember(group: number): Promise<boolean> {
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = await readFile(`/proc/${name}/stat`, 'utf8').catch(() => '')
    // proc(5): number, name in parentheses, state, parent, group.
    const [state, , itsGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    if (Number(itsGroup) === group && state !== 'Z' && state !== 'X') return true
  }
  return false
}
