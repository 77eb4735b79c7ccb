import { isIP } from 'node:net'

/** A host that may be connected to wherever it is; without a port, at all of them. */
export interface AllowedHost {
  /** As a URL has it: in lower case, punycode, IPv4 in decimal; without brackets and trailing dots. */
  readonly name: string
  readonly port: number | null
}

/** Reads `ollama.internal`, `10.0.0.5:11434` or `[fd00::1]`; null where the text is no host. */
export function parseAllowedHost(text: string): AllowedHost | null {
  const port = /:(\d{1,5})$/.exec(text.replace(/^\[[^\]]*\]/, ''))?.[1]
  const url = URL.parse(`http://${text}`)
  if (url === null || url.href !== `http://${url.host}/` || url.hostname.includes('*')) return null
  return { name: hostName(url.hostname), port: port === undefined ? null : Number(port) }
}

/** A URL's host name, or an agent's, in the one form in which they are compared. */
export function hostName(hostname: string): string {
  return hostname
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.+$/, '')
}

/** Whether a host is given by its address. */
export function isAddress(name: string): boolean {
  return isIP(name) !== 0
}

/** Names that mean this machine (RFC 6761, section 6.3), whatever a resolver makes of them. */
export function isLocalhostName(name: string): boolean {
  return name === 'localhost' || name.endsWith('.localhost')
}
