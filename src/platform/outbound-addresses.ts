import { isIP } from 'node:net'
import { networkInterfaces } from 'node:os'
import ipaddr from 'ipaddr.js'

type Network = [ipaddr.IPv4 | ipaddr.IPv6, number]

/** All of IPv6 that is given to the public: what is outside is local, reserved, or IPv4 in another dress. */
const globalUnicast = ipaddr.parseCIDR('2000::/3')

/** What `range()` of ipaddr.js takes for public addresses, and is none. */
const inward: readonly Network[] = [
  // Azure's own services for the machine on which it is asked, its metadata among them.
  '168.63.129.16/32',
].map((network) => ipaddr.parseCIDR(network))

/**
 * Whether an IP address, as a connection would be made to it, belongs to the public internet. Loopback, private,
 * link-local, shared (CGNAT), multicast, reserved and documentation addresses do not, nor do the forms of IPv6 that
 * lead to IPv4 (mapped, compatible, NAT64, 6to4, Teredo), nor any address of this machine; what is no IP address does
 * not either.
 */
export function isPublicAddress(text: string): boolean {
  if (isIP(text) === 0) return false
  const address = ipaddr.parse(text)
  if (address.range() !== 'unicast') return false
  if (address.kind() === 'ipv6' && !address.match(globalUnicast)) return false
  if (inward.some(([network, bits]) => network.kind() === address.kind() && address.match(network, bits))) return false
  return !ownAddresses().has(address.toNormalizedString())
}

/** Who connects to a public address of this machine does not pass the firewall before it. */
function ownAddresses(): ReadonlySet<string> {
  const addresses = Object.values(networkInterfaces()).flatMap((interfaces) => interfaces ?? [])
  return new Set(addresses.map(({ address }) => ipaddr.parse(address).toNormalizedString()))
}
