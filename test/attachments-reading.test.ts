import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Worker } from 'node:worker_threads'
import { describe, expect, it } from 'vitest'
import { maxDocumentBytes } from '../src/attachments/reading/documents.ts'
import { maxTextLength } from '../src/attachments/reading/reading.ts'
import { sniffMediaType } from '../src/attachments/sniff.ts'
import { docxOf, docxType, paragraph, pdfOfNestedForms, pdfType } from './support/hostile-files.ts'
import { fileOf, never, readBytes, readerWith } from './support/read-bytes.ts'

async function readReal(name: string) {
  await using reader = readerWith()
  const bytes = await readFile(new URL(`files/${name}`, import.meta.url))
  return await readBytes(reader, await sniffMediaType(new Blob([bytes]), name), bytes)
}

describe('files that other programs made', () => {
  it('reads a PDF of Chromium, page after page', async () => {
    const reading = await readReal('survey.pdf')
    expect(reading).toMatchObject({ status: 'READ', text: expect.stringMatching(/^Harbour survey\n\nFindings\n/) })
    expect(reading).toMatchObject({ text: expect.stringContaining('wrote in her log: „Grüße aus Köln“.') })
    expect(reading).toMatchObject({ text: expect.stringContaining('South 25 9.1') })
  })

  it('reads a DOCX of pandoc, with its list and its table', async () => {
    const reading = await readReal('survey.docx')
    for (const said of ['Harbour survey', 'log: „Grüße aus Köln“.', 'QX-7731', 'South\n\n25\n\n9.1'])
      expect(reading).toMatchObject({ status: 'READ', text: expect.stringContaining(said) })
  })

  it('reads a CSV as it is written', async () => {
    const text = await readFile(new URL('files/boats.csv', import.meta.url), 'utf8')
    expect(await readReal('boats.csv')).toEqual({ status: 'READ', text })
  })

  it('finds no text in a PNG', async () => {
    expect(await readReal('lamp.png')).toEqual({ status: 'NONE' })
  })
})

describe('text', () => {
  it.each([
    ['UTF-8', Buffer.from('Grüße 🚢')],
    ['UTF-8 with its mark', Buffer.from('\uFEFFGrüße 🚢')],
    ['UTF-16, little end first', Buffer.from('\uFEFFGrüße 🚢', 'utf16le')],
    ['UTF-16, big end first', Buffer.from('\uFEFFGrüße 🚢', 'utf16le').swap16()],
  ])('is read in %s', async (_, bytes) => {
    await using reader = readerWith()
    expect(await readBytes(reader, 'text/plain', bytes)).toEqual({ status: 'READ', text: 'Grüße 🚢' })
  })

  it('is read in the Windows-1252 of old spreadsheets', async () => {
    await using reader = readerWith()
    const bytes = Buffer.from('Größe;5 \x80', 'latin1')
    expect(await readBytes(reader, 'text/csv', bytes)).toEqual({ status: 'READ', text: 'Größe;5 €' })
  })

  it('can be stored, whatever it holds', async () => {
    await using reader = readerWith()
    const bytes = Buffer.concat([Buffer.from('a'.repeat(1_100_000)), Buffer.from([0, 0xff, 0x62])])
    const reading = await readBytes(reader, 'text/plain', bytes)
    expect(reading).toMatchObject({ status: 'READ', text: expect.stringMatching(/a\uFFFD\uFFFDb$/) })
  })

  it('may be empty', async () => {
    await using reader = readerWith()
    expect(await readBytes(reader, 'text/plain', Buffer.alloc(0))).toEqual({ status: 'READ', text: '' })
  })

  it.each([
    ['a little', 'ä'.repeat(maxTextLength + 1)],
    ['much', '€'.repeat(4_000_000)],
  ])('is cut where it is too long by %s, and says so', async (_, content) => {
    await using reader = readerWith()
    const reading = await readBytes(reader, 'text/plain', Buffer.from(content))
    const text = reading.status === 'READ' ? reading.text : ''
    expect(text).toHaveLength(maxTextLength)
    expect(text.slice(-80)).toContain('[The file goes on: only its beginning was read.]')
    expect(text).not.toContain('\uFFFD')
  })

  it('of a gigabyte is not read beyond what is used', async () => {
    await using reader = readerWith()
    const { open } = fileOf('text/plain', Buffer.alloc(7_000_000, 'x'))
    let asked: unknown
    const file = {
      mediaType: 'text/plain',
      byteSize: 2 ** 30,
      open: (...[range, signal]: Parameters<typeof open>) => {
        asked = range
        return open(range, signal)
      },
    }
    expect(await reader.read(file, never)).toMatchObject({ status: 'READ' })
    expect(asked).toEqual({ start: 0, end: 3 * maxTextLength - 1 })
  })

  it('of a document is cut likewise', async () => {
    await using reader = readerWith()
    const reading = await readBytes(reader, docxType, docxOf(paragraph('word '.repeat(4500)).repeat(100)))
    expect(reading).toMatchObject({ status: 'READ', text: expect.stringContaining('[The file goes on') })
    expect(reading.status === 'READ' && reading.text.length).toBe(maxTextLength)
  })
})

describe('the thread', () => {
  const hello = docxOf(paragraph('hello'))
  const read = { status: 'READ', text: 'hello\n\n' }

  it('is used again, and ends when nothing comes', async () => {
    await using reader = readerWith({ timeMs: 60_000, memoryBytes: 268_435_456, idleMs: 100 })
    const workers: Worker[] = []
    const note = (worker: Worker) => workers.push(worker)
    process.on('worker', note)
    const answers = await Promise.all([1, 2, 3].map(() => readBytes(reader, docxType, hello)))
    expect(answers).toEqual([read, read, read])
    expect(workers).toHaveLength(1)
    if (workers[0]) await once(workers[0], 'exit')
    expect(await readBytes(reader, docxType, hello)).toEqual(read)
    expect(workers).toHaveLength(2)
    process.off('worker', note)
  })

  it('is ended by a signal, with those that wait, and the next document is read', async () => {
    await using reader = readerWith()
    const controller = new AbortController()
    const reason = new Error('the server stops')
    const started = once(process, 'worker')
    const [reading, waiting] = [pdfOfNestedForms(12), hello].map((bytes, index) =>
      reader.read(fileOf(index === 0 ? pdfType : docxType, bytes), controller.signal),
    )
    await started
    controller.abort(reason)
    await expect(reading).rejects.toBe(reason)
    await expect(waiting).rejects.toBe(reason)
    expect(await readBytes(reader, docxType, hello)).toEqual(read)
  })

  it('is not bothered with what it cannot read', async () => {
    await using reader = readerWith()
    const open = async () => Promise.reject(new Error('opened'))
    const tooLarge = { mediaType: pdfType, byteSize: maxDocumentBytes + 1, open }
    expect(await reader.read(tooLarge, never)).toEqual({
      status: 'FAILED',
      error: 'The file is too large to be read: at most 50 MiB.',
    })
    expect(await reader.read({ mediaType: 'video/mp4', byteSize: 5, open }, never)).toEqual({ status: 'NONE' })
    const missing = { mediaType: pdfType, byteSize: 5, open }
    await expect(reader.read(missing, never)).rejects.toThrow('opened')
  })
})
