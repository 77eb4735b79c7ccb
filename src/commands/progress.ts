import type { OnProgress } from '../search/reindex.ts'

const barWidth = 30

/** Shows how far something is: on a terminal as a bar in one line, elsewhere as a line for each tenth. */
export function progressOf(what: string, stream: NodeJS.WriteStream): OnProgress {
  let shown = -1
  return (done, total) => {
    const share = total === 0 ? 1 : done / total
    const step = Math.floor(share * (stream.isTTY ? 100 : 10))
    if (step === shown) return
    shown = step
    const counted = `${done} of ${total} ${what}`
    if (!stream.isTTY) {
      stream.write(`${counted}\n`)
      return
    }
    const filled = Math.round(share * barWidth)
    stream.write(`\r[${'#'.repeat(filled)}${'.'.repeat(barWidth - filled)}] ${counted}${share === 1 ? '\n' : ''}`)
  }
}
