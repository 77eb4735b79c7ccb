import { extname } from 'node:path'

const types: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  md: 'text/markdown',
  markdown: 'text/markdown',
  json: 'application/json',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  xml: 'application/xml',
  html: 'text/html',
  htm: 'text/html',
  css: 'text/css',
  js: 'text/javascript',
  mjs: 'text/javascript',
  cjs: 'text/javascript',
}

/** Elements that a browser takes for HTML: https://mimesniff.spec.whatwg.org/#identifying-a-resource-with-an-unknown-mime-type */
const html = /^<(!doctype\s+html|html|head|script|iframe|h1|div|font|table|a|style|title|b|body|br|p)[\s>]/i
const svg = /^<(!doctype\s+svg|([\w-]+:)?svg)[\s/>]/i
const beforeRoot = /^(\uFEFF|\s|<!--[\s\S]*?-->|<\?[\s\S]*?\?>)+/

/** The type of a text of which `start` is the beginning: what it is marked as, else what its name says, else plain text. */
export function textTypeOf(start: string, filename: string): string {
  const root = start.replace(beforeRoot, '')
  if (svg.test(root)) return 'image/svg+xml'
  if (/^\uFEFF?<\?xml\s/.test(start)) return 'application/xml'
  if (html.test(root)) return 'text/html'
  return types[extname(filename).slice(1).toLowerCase()] ?? 'text/plain'
}
