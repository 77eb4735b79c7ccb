/** A leading slash and no trailing one; the root is the empty string. */
export function normaliseBasePath(path: string): string {
  const segments = path.split('/').filter((segment) => segment !== '')
  return segments.length === 0 ? '' : `/${segments.join('/')}`
}

/** Without the trailing slash. */
export function normaliseUrl(url: string): string {
  return url.replace(/\/+$/, '')
}

/** An origin as browsers send it, or `*`; null where the text is none. */
export function normaliseOrigin(text: string): string | null {
  if (text === '*') return text
  const url = URL.parse(text)
  if (url === null || url.origin === 'null' || url.href !== `${url.origin}/`) return null
  return url.origin
}
