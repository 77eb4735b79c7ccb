import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const module = (path: string) => JSON.stringify(fileURLToPath(new URL(`../src/${path}`, import.meta.url)))

/** Uses up all file descriptors, lets a group be watched, and says how that ended. */
const starved = `
  import { openSync } from 'node:fs'
  import { createReaper } from ${module('mcp/reaper.ts')}
  import { createLog } from ${module('platform/log.ts')}
  const log = createLog({ logLevel: 'warn', logFormat: 'json' }, { write: (line) => console.error(line) })
  console.log('warm')
  console.error('warm')
  const reaper = createReaper({ log })
  const ended = []
  try { for (;;) openSync('/dev/null') } catch {}
  const watched = reaper.watch(999_999_999).then(() => 'watched', (error) => error.message)
  console.log(await watched)
`

test.skipIf(process.platform === 'win32')(
  'where no file can be opened, a server cannot be started, and that is all',
  async () => {
    const limited = ['-c', 'ulimit -n 64; exec "$0" "$@"', process.execPath]
    const script = ['--input-type=module-typescript', '--eval', starved]
    const { stdout } = await promisify(execFile)('/bin/sh', [...limited, ...script])
    expect(stdout).toBe('warm\nthe process that ends servers does not answer\n')
  },
)
