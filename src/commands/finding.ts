import { printable, styledFor } from './text.ts'

/** What a check of the doctor's came to. */
export interface Finding {
  readonly subject: string
  /** `skipped`: there was nothing to check, which is no fault. */
  readonly verdict: 'fine' | 'failed' | 'skipped'
  readonly detail: string
  /** What to do about it; null where there is nothing to do. */
  readonly remedy: string | null
}

export function fine(subject: string, detail: string): Finding {
  return { subject, verdict: 'fine', detail, remedy: null }
}

export function skipped(subject: string, detail: string): Finding {
  return { subject, verdict: 'skipped', detail, remedy: null }
}

export function failed(subject: string, detail: string, remedy: string): Finding {
  return { subject, verdict: 'failed', detail, remedy }
}

/** A table with a line for each finding, and one below it for each remedy. */
export function formatFindings(findings: readonly Finding[], stream: NodeJS.WriteStream): string {
  const style = styledFor(stream)
  const signs = { fine: style('green', '✓'), failed: style('red', '✗'), skipped: style('dim', '–') }
  const width = Math.max(...findings.map(({ subject }) => subject.length))
  const lines = findings.flatMap(({ subject, verdict, detail, remedy }) => {
    const line = `${signs[verdict]} ${subject.padEnd(width)}  ${printable(detail.replaceAll(/\s*\n\s*/g, ' '))}`
    return remedy === null ? [line] : [line, `  ${' '.repeat(width)}  → ${remedy}`]
  })
  const count = findings.filter(({ verdict }) => verdict === 'failed').length
  const summary = count === 0 ? 'All is well.' : count === 1 ? 'One problem.' : `${count} problems.`
  return `${lines.join('\n')}\n\n${summary}\n`
}
