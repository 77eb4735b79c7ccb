/** Why a run's signal was aborted. */
export class StopReason extends Error {
  override readonly name = 'StopReason'
  readonly kind: 'cancelled' | 'shutdown' | 'lease-lost'

  constructor(kind: StopReason['kind']) {
    super(`the run was stopped: ${kind}`)
    this.kind = kind
  }
}
