import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { isMainThread } from 'node:worker_threads'

// To be loaded into a server's process with `--import`: on SIGUSR2 it collects garbage and says what memory is left.

if (isMainThread) {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  process.on('SIGUSR2', () => {
    // The second finds what finalizers of the first have let go.
    collect()
    setImmediate(() => {
      collect()
      const { rss, heapUsed, external } = process.memoryUsage()
      process.stderr.write(`held ${heapUsed + external} bytes\nresident ${rss} bytes\n`)
    })
  })
}
