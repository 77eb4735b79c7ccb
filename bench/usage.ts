/** What a server has used since its start. */
export interface ProcessUsage {
  /** Of all threads: the embedded database's, the garbage collector's and the compiler's too. */
  readonly cpuMicros: number
  readonly mainThreadCpuMicros: number
  readonly rssBytes: number
  /** The JavaScript heap of the main thread, and what it holds outside of it. */
  readonly heapBytes: number
}

/** What both servers can be asked. */
export type ServerCommands = {
  /** Where clients connect, as a ws: URL. */
  url: () => string
  usage: () => ProcessUsage
  /** As `usage`, after garbage was collected: it needs `--expose-gc`. */
  usageAfterCollection: () => Promise<ProcessUsage>
}

export function serverCommands(url: string): ServerCommands {
  return {
    url: () => url,
    usage: readUsage,
    async usageAfterCollection() {
      // What the first collection finalises, a later one frees.
      for (let round = 0; round < 3; round++) {
        globalThis.gc?.()
        await new Promise((resolve) => setTimeout(resolve, 50))
      }
      return readUsage()
    },
  }
}

function readUsage(): ProcessUsage {
  const all = process.cpuUsage()
  const mainThread = process.threadCpuUsage()
  const { rss, heapUsed, external } = process.memoryUsage()
  return {
    cpuMicros: all.user + all.system,
    mainThreadCpuMicros: mainThread.user + mainThread.system,
    rssBytes: rss,
    heapBytes: heapUsed + external,
  }
}
