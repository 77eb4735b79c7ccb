import { crc32 } from 'node:zlib'
import { deflatedRepeats, type PackedEntry, packed, zipOf } from './zip-writer.ts'

export const pdfType = 'application/pdf'
export const docxType = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document'

const contentTypes = packed(
  '[Content_Types].xml',
  '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Override PartName="/word/document.xml" ContentType="application/vnd.openxmlformats-officedocument.wordprocessingml.document.main+xml"/></Types>',
)
const relationships = packed(
  '_rels/.rels',
  '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="r1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>',
)

const openDocument = '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
const closeDocument = '</w:body></w:document>'

export function paragraph(text: string): string {
  return `<w:p><w:r><w:t>${text}</w:t></w:r></w:p>`
}

export function docxWith(document: PackedEntry, others: readonly PackedEntry[] = []): Buffer {
  return zipOf([contentTypes, relationships, document, ...others])
}

/** A document of this body, after a prolog such as that of a document type. */
export function docxOf(body: string, prolog = ''): Buffer {
  return docxWith(packed('word/document.xml', prolog + openDocument + body + closeDocument))
}

const mebibyte = 1_048_576

/** A document whose text is of so many mebibytes once it is unpacked, and that says so or says less. */
export function docxBomb(mebibytes: number, saidBytes = mebibytes * mebibyte): Buffer {
  const spaces = deflatedRepeats(' '.repeat(mebibyte), mebibytes)
  return docxWith({ name: 'word/document.xml', packed: spaces, unpackedBytes: saidBytes })
}

/** A PDF of these objects, numbered from 1; the first is its catalogue. */
export function pdfOf(objects: readonly (string | Buffer)[], trailer = ''): Buffer {
  const pieces: Buffer[] = [Buffer.from('%PDF-1.4\n')]
  const offsets: number[] = []
  let at = pieces[0]?.length ?? 0
  const add = (piece: Buffer) => {
    pieces.push(piece)
    at += piece.length
  }
  for (const [index, object] of objects.entries()) {
    offsets.push(at)
    add(Buffer.concat([Buffer.from(`${index + 1} 0 obj\n`), Buffer.from(object), Buffer.from('\nendobj\n')]))
  }
  const rows = offsets.map((offset) => `${String(offset).padStart(10, '0')} 00000 n \n`).join('')
  const size = objects.length + 1
  const table = `xref\n0 ${size}\n0000000000 65535 f \n${rows}trailer\n<</Size ${size} /Root 1 0 R ${trailer}>>\n`
  return Buffer.concat([...pieces, Buffer.from(`${table}startxref\n${at}\n%%EOF\n`)])
}

const catalogue = '<</Type /Catalog /Pages 2 0 R>>'
const page = '<</Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources <</Font <</F 5 0 R>>>>>>'
const font = '<</Type /Font /Subtype /Type1 /BaseFont /Helvetica>>'

export function streamOf(content: string | Buffer, entries = ''): Buffer {
  const bytes = Buffer.from(content)
  const start = `<</Length ${bytes.length} ${entries}>>\nstream\n`
  return Buffer.concat([Buffer.from(start), bytes, Buffer.from('\nendstream')])
}

/** So many times the same page, which says `text`. */
export function pdfOfPages(count: number, text: string): Buffer {
  const pages = `<</Type /Pages /Count ${count} /Kids [${'3 0 R '.repeat(count)}]>>`
  return pdfOf([catalogue, pages, page, streamOf(`BT /F 9 Tf (${text}) Tj ET`), font])
}

/** One page, whose content is of so many mebibytes once it is unpacked. */
export function pdfBomb(mebibytes: number): Buffer {
  const zlibHeader = Buffer.from([0x78, 0x9c])
  const content = Buffer.concat([zlibHeader, deflatedRepeats(' '.repeat(mebibyte), mebibytes)])
  const pages = '<</Type /Pages /Count 1 /Kids [3 0 R]>>'
  return pdfOf([catalogue, pages, page, streamOf(content, '/Filter /FlateDecode'), font])
}

/** One page that draws a form ten times, which draws another ten times, and so on. */
export function pdfOfNestedForms(depth: number): Buffer {
  const first = 6
  const forms = Array.from({ length: depth }, (_, level) => {
    const isLast = level === depth - 1
    const resources = isLast ? '/Font <</F 5 0 R>>' : `/XObject <</X ${first + level + 1} 0 R>>`
    const content = isLast ? 'BT /F 9 Tf (word) Tj ET' : '/X Do '.repeat(10)
    return streamOf(content, `/Type /XObject /Subtype /Form /BBox [0 0 99 99] /Resources <<${resources}>>`)
  })
  const pages = '<</Type /Pages /Count 1 /Kids [3 0 R]>>'
  const drawing = `<</Type /Page /Parent 2 0 R /MediaBox [0 0 99 99] /Contents 4 0 R /Resources <</XObject <</X ${first} 0 R>>>>>>`
  return pdfOf([catalogue, pages, drawing, streamOf('/X Do '.repeat(10)), font, ...forms])
}

/** Its password is not the empty one. */
export function encryptedPdf(): Buffer {
  const pages = '<</Type /Pages /Count 1 /Kids [3 0 R]>>'
  const hash = `<${'5a'.repeat(32)}>`
  const encryption = `<</Filter /Standard /V 1 /R 2 /O ${hash} /U ${hash} /P -4>>`
  const id = `<${'00'.repeat(16)}>`
  return pdfOf([catalogue, pages, page, streamOf('BT ET'), font, encryption], `/Encrypt 6 0 R /ID [${id} ${id}]`)
}

/** Its page is an array in an array, and so on. */
export function nestedPdf(depth: number): Buffer {
  const pages = `<</Type /Pages /Count 1 /Kids [3 0 R] /Deep ${'['.repeat(depth)}${']'.repeat(depth)}>>`
  return pdfOf([catalogue, pages, page, streamOf('BT ET'), font])
}

/** The tree of its pages has a branch that is the tree. */
export function loopingPdf(): Buffer {
  return pdfOf([catalogue, '<</Type /Pages /Count 9 /Kids [2 0 R 2 0 R]>>'])
}

/** A PNG that says it is so large, of rows of one colour. */
export function pngOf(width: number, height: number, rows: Buffer): Buffer {
  const chunk = (type: string, data: Buffer) => {
    const named = Buffer.concat([Buffer.from(type), data])
    const frame = Buffer.alloc(8)
    frame.writeUInt32BE(data.length, 0)
    frame.writeUInt32BE(crc32(named), 4)
    return Buffer.concat([frame.subarray(0, 4), named, frame.subarray(4)])
  }
  const header = Buffer.alloc(13)
  header.writeUInt32BE(width, 0)
  header.writeUInt32BE(height, 4)
  header.set([8, 2], 8)
  const signature = Buffer.from('89504e470d0a1a0a', 'hex')
  return Buffer.concat([signature, chunk('IHDR', header), chunk('IDAT', rows), chunk('IEND', Buffer.alloc(0))])
}
