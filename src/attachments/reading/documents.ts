import type { Reading } from './reading.ts'

type ReadDocument = (bytes: Uint8Array) => Promise<Reading>

/** The formats that are unpacked to be read; each is loaded when it is first needed. */
const formats: ReadonlyMap<string, () => Promise<ReadDocument>> = new Map([
  ['application/pdf', async () => (await import('./pdf.ts')).readPdf],
  [
    'application/vnd.openxmlformats-officedocument.wordprocessingml.document',
    async () => (await import('./docx.ts')).readDocx,
  ],
])

/** Of a document: it is held in memory. */
export const maxDocumentBytes = 52_428_800

export function isDocument(mediaType: string): boolean {
  return formats.has(mediaType)
}

/** For a thread of its own: reading may take any time and memory, and throws what the format's library throws. */
export async function loadFormat(mediaType: string): Promise<ReadDocument> {
  const load = formats.get(mediaType)
  if (!load) throw new Error(`${mediaType} is no type of a document`)
  return await load()
}
