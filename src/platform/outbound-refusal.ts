/** Why a request is not made. */
export type OutboundRefusalReason = 'scheme' | 'credentials' | 'private-address'

const sentences: Record<OutboundRefusalReason, string> = {
  scheme: 'only http and https URLs are requested.',
  credentials: 'a URL that is requested holds no user and no password.',
  'private-address':
    'this machine and private addresses are not connected to; whoever runs the server can allow it with the key outbound.allowPrivateAddresses, or the host alone with outbound.allowedHosts.',
}

/** A request that was not made, to protect what only this machine can reach. The message names no address. */
export class OutboundRefusal extends Error {
  override readonly name = 'OutboundRefusal'
  readonly reason: OutboundRefusalReason

  constructor(reason: OutboundRefusalReason) {
    super(sentences[reason])
    this.reason = reason
  }
}

/** The refusal that an error is or was caused by, however often it was wrapped; undefined where there is none. */
export function refusalIn(error: unknown): OutboundRefusal | undefined {
  for (let thrown = error; thrown instanceof Error; thrown = thrown.cause) {
    if (thrown instanceof OutboundRefusal) return thrown
  }
  return undefined
}
