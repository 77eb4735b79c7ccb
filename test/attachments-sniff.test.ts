import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { sniffMediaType } from '../src/attachments/sniff.ts'
import { docxOf, docxType, paragraph } from './support/hostile-files.ts'
import { packed, zipOf } from './support/zip-writer.ts'

async function typeOf(bytes: string | Buffer, filename: string): Promise<string> {
  return await sniffMediaType(new Blob([typeof bytes === 'string' ? bytes : Uint8Array.from(bytes)]), filename)
}

describe('what the bytes say', () => {
  it.each([
    ['lamp.png', 'image/png'],
    ['survey.pdf', 'application/pdf'],
    ['survey.docx', docxType],
    ['boats.csv', 'text/csv'],
    ['survey.md', 'text/markdown'],
  ])('%s of another program is %s', async (name, expected) => {
    expect(await typeOf(await readFile(new URL(`files/${name}`, import.meta.url)), name)).toBe(expected)
  })

  it.each<[string, string | Buffer, string, string]>([
    [
      'a program that is called a picture',
      Buffer.from('MZ\x90\0\x03\0\0\0', 'latin1'),
      'cat.png',
      'application/x-msdownload',
    ],
    ['bytes that are called a text', Buffer.from([1, 2, 3, 0]), 'notes.txt', 'application/octet-stream'],
    ['a PDF that is called a text', '%PDF-1.4\n%%EOF', 'notes.txt', 'application/pdf'],
    ['a document that is called a picture', docxOf(paragraph('x')), 'cat.png', docxType],
    ['an archive that is called a document', zipOf([packed('a.txt', 'x')]), 'letter.docx', 'application/zip'],
    ['words that begin as a bitmap does', 'BMW is a car.', 'cars.txt', 'text/plain'],
    ['words that begin as a program does', 'MZ is the mark of programs.', 'marks.md', 'text/markdown'],
    ['nothing', '', 'empty.txt', 'text/plain'],
  ])('%s', async (_, bytes, filename, expected) => {
    expect(await typeOf(bytes, filename)).toBe(expected)
  })
})

describe('what a browser would run is known, whatever it is called', () => {
  const svg = '<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"/>'

  it.each([
    ['alone', svg],
    ['after a prolog', `<?xml version="1.0"?>\n${svg}`],
    ['after a comment', `<!-- a picture\n -->${svg}`],
    ['after a document type', `<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "">${svg}`],
    ['with a prefix', '<s:svg xmlns:s="http://www.w3.org/2000/svg"/>'],
    ['after a byte order mark and space', `\uFEFF \n${svg}`],
  ])('an SVG %s', async (_, text) => {
    for (const filename of ['cat.png', 'notes.txt', 'data.json'])
      expect(await typeOf(text, filename)).toBe('image/svg+xml')
  })

  it.each([
    '<!DOCTYPE html><p>hi',
    ' \n<HTML>',
    '<script>alert(1)</script>',
    '<!-- x --><iframe src=x>',
    '<body onload=x>',
  ])('HTML such as %j', async (text) => {
    for (const filename of ['cat.png', 'notes.txt', 'data.csv']) expect(await typeOf(text, filename)).toBe('text/html')
  })

  it('in UTF-16 as well', async () => {
    expect(await typeOf(Buffer.from('\uFEFF<script>alert(1)</script>', 'utf16le'), 'x.txt')).toBe('text/html')
  })

  it('and a picture that is HTML as well is a picture', async () => {
    expect(await typeOf(Buffer.from('GIF89a\x01\0\x01\0<script>alert(1)</script>', 'latin1'), 'x.html')).toBe(
      'image/gif',
    )
  })
})

describe('the name', () => {
  it.each([
    ['data.csv', 'text/csv'],
    ['DATA.CSV', 'text/csv'],
    ['data.json', 'application/json'],
    ['notes.md', 'text/markdown'],
    ['app.ts', 'text/plain'],
    ['app.js', 'text/javascript'],
    ['cat.png', 'text/plain'],
    ['../../etc/passwd', 'text/plain'],
    ['', 'text/plain'],
  ])('%j makes text %s', async (filename, expected) => {
    expect(await typeOf('some words\n', filename)).toBe(expected)
    expect(await typeOf(Buffer.from('Größe\n', 'latin1'), filename)).toBe(expected)
  })

  it('is nothing to unclosed comments without end', async () => {
    expect(await typeOf('<!--'.repeat(300_000), 'a.txt')).toBe('text/plain')
    expect(await typeOf('<!-- -->'.repeat(300_000), 'a.txt')).toBe('text/plain')
  })
})
