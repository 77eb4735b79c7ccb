import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import type { Reading } from '../src/attachments/reading/reading.ts'
import {
  docxBomb,
  docxOf,
  docxType,
  docxWith,
  encryptedPdf,
  loopingPdf,
  nestedPdf,
  paragraph,
  pdfBomb,
  pdfOfNestedForms,
  pdfOfPages,
  pdfType,
} from './support/hostile-files.ts'
import { readBytes, readerWith } from './support/read-bytes.ts'
import { packed } from './support/zip-writer.ts'

function failed(error: string): Reading {
  return { status: 'FAILED', error }
}

function excessive(error: string): Reading {
  return { status: 'EXCESSIVE', error }
}

const damaged = failed('The file is damaged.')
const good = docxOf(paragraph('still well'))

async function real(name: string): Promise<Buffer> {
  return await readFile(new URL(`files/${name}`, import.meta.url))
}

/** Reads a file and then a good one, in the same reader. */
async function readHostile(mediaType: string, bytes: Buffer): Promise<Reading> {
  await using reader = readerWith()
  const reading = await readBytes(reader, mediaType, bytes)
  expect(await readBytes(reader, docxType, good)).toEqual({ status: 'READ', text: 'still well\n\n' })
  return reading
}

const tenTimes = (name: string) => `&${name};`.repeat(10)
const entities = [...'bcdefghij'].map((name, index) => `<!ENTITY ${name} "${tenTimes('abcdefghi'[index] ?? '')}">`)
const billionLaughs = `<!DOCTYPE w:document [<!ENTITY a "lol">${entities.join('')}]>`

describe('a hostile DOCX', () => {
  it.each<[string, Buffer, Reading]>([
    ['that says that it is a bomb', docxBomb(1024), excessive('The document is too large once it is unpacked.')],
    [
      'of more files than a document has',
      docxWith(packed('word/document.xml', ''), Array(10_001).fill(packed('x', ''))),
      excessive('The document is too large once it is unpacked.'),
    ],
    [
      'that is encrypted',
      docxWith({ ...packed('word/document.xml', 'x'), isEncrypted: true }),
      failed('The document is encrypted.'),
    ],
    ['that says nothing', docxOf(paragraph('')), failed('The document holds no text.')],
    ['without a document', docxWith(packed('other.xml', '<x/>')), damaged],
    ['nested 100,000 deep', docxOf('<w:p>'.repeat(100_000) + '</w:p>'.repeat(100_000)), damaged],
    ['of a billion laughs', docxOf(paragraph('&j;'), billionLaughs), damaged],
    ['that is no archive', Buffer.from('hello'), failed('The document is damaged: it ends too early.')],
  ])('%s ends with a reason', async (_, bytes, expected) => {
    expect(await readHostile(docxType, bytes)).toEqual(expected)
  })

  it('that is cut off ends with a reason', async () => {
    const bytes = (await real('survey.docx')).subarray(0, 6000)
    expect(await readHostile(docxType, bytes)).toEqual(failed('The document is damaged: it ends too early.'))
  })
})

describe('a hostile PDF', () => {
  it.each<[string, Buffer, Reading]>([
    ['of a million pages', pdfOfPages(1_000_000, 'hi'), excessive('The PDF has more than 10000 pages.')],
    ['that is encrypted', encryptedPdf(), failed('The PDF is encrypted: it needs a password.')],
    ['nested a million deep', nestedPdf(1_000_000), damaged],
    ['whose pages are a loop', loopingPdf(), damaged],
    ['that is no PDF', Buffer.from('hello'), damaged],
    ['that says nothing', pdfOfPages(1, ''), failed('The PDF holds no text: its pages may be pictures of text.')],
  ])('%s ends with a reason', async (_, bytes, expected) => {
    expect(await readHostile(pdfType, bytes)).toEqual(expected)
  })

  it('that is cut off ends with a reason', async () => {
    expect(await readHostile(pdfType, (await real('survey.pdf')).subarray(0, 20_000))).toEqual(damaged)
  })

  it('whose forms are drawn a trillion times ends in time', async () => {
    await using reader = readerWith({ timeMs: 3000, memoryBytes: 268_435_456, idleMs: 60_000 })
    expect(await readBytes(reader, pdfType, pdfOfNestedForms(12))).toEqual(
      excessive('The file takes too long to read.'),
    )
  })
})

/** What this process holds above what it held before, at most, in bytes. */
async function memoryOf(act: () => Promise<void>): Promise<number> {
  const before = process.memoryUsage.rss()
  let most = before
  const looking = setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss())
  }, 10)
  await act().finally(() => clearInterval(looking))
  return most - before
}

describe('a file that takes more than it says', () => {
  it.each([
    ['a DOCX of 3 GB that says it has 1 kB', docxType, docxBomb(3000, 1000)],
    ['a PDF with a page of 4 GB', pdfType, pdfBomb(4000)],
  ])('ends within the memory of the thread: %s', async (_, mediaType, bytes) => {
    const memory = await memoryOf(async () => {
      expect(await readHostile(mediaType, bytes)).toEqual(excessive('The file takes too much memory to read.'))
    })
    expect(memory).toBeLessThan(900_000_000)
  })
})
