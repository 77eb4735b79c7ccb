import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { DirectoryLockedError, lockDirectory } from '../src/database/directory-lock.ts'
import { nextReport, startProcess } from './support/database-processes.ts'

let directory: string
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'parley-lock-'))
})
afterEach(() => rm(directory, { recursive: true }))

test('a directory that another process holds is refused in one line that names it and the process', async () => {
  await using owner = startProcess({ do: 'lock', directory })
  expect(await nextReport(owner)).toEqual({ ready: true })
  const error = await lockDirectory(directory).catch((thrown: unknown) => thrown)
  expect(error).toBeInstanceOf(DirectoryLockedError)
  expect(error).toMatchObject({ directory, pid: owner.pid })
  expect((error as Error).message).toBe(
    `The data directory ${directory} is in use by process ${owner.pid}: stop it, or choose another directory.`,
  )
})

test('a directory that this process holds is refused as well, until the lock is released', async () => {
  {
    using _lock = await lockDirectory(directory)
    await expect(lockDirectory(directory)).rejects.toMatchObject({ name: 'DirectoryLockedError', pid: process.pid })
  }
  using _again = await lockDirectory(directory)
})

test('a killed owner leaves nothing that would be in the way', async () => {
  const owner = startProcess({ do: 'lock', directory })
  expect(await nextReport(owner)).toEqual({ ready: true })
  await owner.kill()
  using _lock = await lockDirectory(directory)
})

test('a pid that another process got since does not make a lock', async () => {
  await writeFile(join(directory, 'parley.pid'), `${process.ppid}\n`)
  using _lock = await lockDirectory(directory)
})

test('of processes that start at once exactly one gets the directory, also after a kill', {
  timeout: 60_000,
}, async () => {
  for (let round = 0; round < 3; round += 1) {
    await using racers = new AsyncDisposableStack()
    const processes = Array.from({ length: 4 }, () => racers.use(startProcess({ do: 'lock', directory })))
    const reports = await Promise.all(processes.map(nextReport))
    const winners = processes.filter((_, index) => 'ready' in (reports[index] ?? {}))
    expect(winners).toHaveLength(1)
    for (const report of reports) {
      if ('ready' in report) continue
      expect(report).toMatchObject({ error: 'DirectoryLockedError' })
      expect(report).toMatchObject({ message: expect.stringContaining(`process ${winners[0]?.pid}`) })
    }
  }
})
