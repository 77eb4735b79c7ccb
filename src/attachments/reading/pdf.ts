import { getDocumentProxy } from 'unpdf'
import { excessiveReading, failedReading, maxTextLength, type Reading, readingOf } from './reading.ts'

/** More is no document that people read, and takes longer than anybody waits. */
const maxPages = 10_000

type Pdf = Awaited<ReturnType<typeof getDocumentProxy>>

/** The text of its pages, one after the other. */
export async function readPdf(bytes: Uint8Array): Promise<Reading> {
  const pdf = await open(bytes)
  if (pdf === null) return failedReading('The PDF is encrypted: it needs a password.')
  if (pdf.numPages > maxPages) return excessiveReading(`The PDF has more than ${maxPages} pages.`)
  const text = await textOfPages(pdf)
  await pdf.loadingTask.destroy()
  if (text.trim() === '') return failedReading('The PDF holds no text: its pages may be pictures of text.')
  return readingOf(text)
}

async function textOfPages(pdf: Pdf): Promise<string> {
  const pages: string[] = []
  let length = 0
  for (let number = 1; number <= pdf.numPages && length <= maxTextLength; number++) {
    const page = await textOfPage(pdf, number)
    pages.push(page)
    length += page.length
  }
  return pages.join('\n\n')
}

/** Null where it needs a password. */
async function open(bytes: Uint8Array): Promise<Pdf | null> {
  try {
    return await getDocumentProxy(bytes, { verbosity: 0, disableFontFace: true, useSystemFonts: false })
  } catch (error) {
    if (error instanceof Error && error.name === 'PasswordException') return null
    throw error
  }
}

async function textOfPage(pdf: Pdf, number: number): Promise<string> {
  const page = await pdf.getPage(number)
  const { items } = await page.getTextContent()
  page.cleanup()
  return items.map((item) => ('str' in item ? item.str + (item.hasEOL ? '\n' : '') : '')).join('')
}
