import ipaddr from 'ipaddr.js'

/** The addresses whose first bits are those of `address`. */
export interface Network {
  readonly address: ipaddr.IPv4 | ipaddr.IPv6
  /** How many bits count. */
  readonly bits: number
}

/**
 * An address, or a network such as `10.0.0.0/8`; null for any other text, and for a network of all addresses. IPv4
 * inside IPv6 (`::ffff:10.0.0.1`) is IPv4.
 */
export function parseNetwork(text: string): Network | null {
  const [address, length, more] = text.split('/')
  const parsed = parseAddress(address)
  if (parsed === null || more !== undefined) return null
  const isMapped = parsed.kind() === 'ipv4' && address?.includes(':') === true
  const widest = parsed.kind() === 'ipv4' ? 32 : 128
  if (length === undefined) return { address: parsed, bits: widest }
  const bits = /^\d{1,3}$/.test(length) ? Number(length) - (isMapped ? 96 : 0) : 0
  return bits < 1 || bits > widest ? null : { address: parsed, bits }
}

/** Whether an address, as a socket tells it, is in the network. */
export function isInNetwork({ address, bits }: Network, candidate: string | undefined): boolean {
  const parsed = parseAddress(candidate)
  return parsed !== null && parsed.kind() === address.kind() && parsed.match(address, bits)
}

/** Without the spellings that only some programs take for an address: `127.1`, `0x7f000001`, `010.0.0.1`. */
function parseAddress(text: string | undefined): Network['address'] | null {
  if (text === undefined) return null
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return ipaddr.IPv6.isValid(text) ? ipaddr.process(text) : null
}
