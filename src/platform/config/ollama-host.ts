const defaultPort = '11434'

/**
 * Where `OLLAMA_HOST` says that Ollama is, as Ollama's own programs read it: `host`, `host:port`, `:port`, each with a
 * scheme or without. The variable may be the server's, which listens on all addresses: a client goes to this machine's
 * then. A text that is no address is given back as it is.
 */
export function baseUrlOfOllamaHost(text: string): string {
  const plain = text.trim()
  const scheme = /^https?:\/\//i.exec(plain)?.[0] ?? ''
  const rest = plain.slice(scheme.length)
  const url = URL.parse(`${scheme || 'http://'}${rest.startsWith(':') ? `127.0.0.1${rest}` : rest}`)
  if (url === null || plain === '') return text
  // With a scheme, the port that is left out is the scheme's; URL drops it also where it is written.
  if (scheme === '' && url.port === '' && !/:80(\/|$)/.test(rest)) url.port = defaultPort
  if (url.hostname === '0.0.0.0') url.hostname = '127.0.0.1'
  if (url.hostname === '[::]') url.hostname = '[::1]'
  return url.href.replace(/\/+$/, '')
}
