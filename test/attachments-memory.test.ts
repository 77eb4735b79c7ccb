import { createHash } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { request } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { createTestClient } from './support/client.ts'
import { readAttachment, ticketFor } from './support/files.ts'
import { startProcess } from './support/process.ts'
import { countRounds, rounds } from './support/rounds.ts'

const mebibyte = 1_048_576
const extraBytes = 40_000_000
const timeout = rounds(120_000, 300_000)

/** So many mebibytes that are no format, and whose parts differ. */
function* bytesOf(mebibytes: number): Generator<Buffer, void> {
  const block = Buffer.alloc(mebibyte, 1)
  for (let index = 0; index < mebibytes; index++) {
    block.writeUInt32LE(index, 0)
    yield Buffer.from(block)
  }
}

/** Of the process's memory, in bytes: what it has, or the most that it had since the last `forgetPeak`. */
async function memoryOf(pid: number, what: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8')
  return Number(new RegExp(`^${what}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024
}

const forgetPeak = (pid: number) => writeFile(`/proc/${pid}/clear_refs`, '5')

async function send(address: URL, mebibytes: number): Promise<{ attachmentId: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ attachmentId: string }>()
  const headers = { 'content-length': mebibytes * mebibyte }
  const sent = request(address, { method: 'PUT', headers }, (response) => {
    response.toArray().then((chunks) => resolve(JSON.parse(Buffer.concat(chunks).toString())), reject)
  })
  sent.on('error', reject)
  await pipeline(Readable.from(bytesOf(mebibytes)), sent)
  return promise
}

// What the file system holds for the process is not counted: the kernel takes it back.
test.runIf(process.platform === 'linux')(
  'a large file takes no more memory than small ones',
  { timeout },
  async (context) => {
    const mebibytes = countRounds(context.task, 25, 1_024)
    await using server = await startProcess({
      env: { PARLEY_ATTACHMENTS_MAX_BYTES: String(1_024 * mebibyte), PARLEY_SEARCH_ENABLED: 'false' },
    })
    await using client = createTestClient({ url: `${server.url}/graphql`, webSocketUrl: `${server.url}/graphql` })
    const sender = { server: { url: server.url }, client }
    const pid = server.child.pid ?? 0
    // What the first uploads load and compile stays.
    for (let size = 1; size <= 8; size++) await send(await ticketFor(sender, 'small.bin', size * mebibyte), size)

    const address = await ticketFor(sender, 'large.bin', mebibytes * mebibyte)
    const before = await memoryOf(pid, 'VmRSS')
    await forgetPeak(pid)
    const { attachmentId } = await send(address, mebibytes)
    const upload = (await memoryOf(pid, 'VmHWM')) - before
    const { url } = await readAttachment(client, attachmentId)

    await forgetPeak(pid)
    const hash = createHash('sha256')
    const response = await fetch(new URL(url, server.url))
    for await (const chunk of response.body ?? []) hash.update(chunk)
    const download = (await memoryOf(pid, 'VmHWM')) - before
    const expected = createHash('sha256')
    for (const chunk of bytesOf(mebibytes)) expected.update(chunk)
    expect(hash.digest('hex')).toBe(expected.digest('hex'))

    const inMegabytes = (bytes: number) => Math.round(bytes / 100_000) / 10
    const result = `${mebibytes} MiB: ${inMegabytes(upload)} MB more at most while it came, ${inMegabytes(download)} MB while it went`
    Object.assign(context.task.meta, { result })
    expect(upload, result).toBeLessThan(extraBytes)
    expect(download, result).toBeLessThan(extraBytes)
  },
)
