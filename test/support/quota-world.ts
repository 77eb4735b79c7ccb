import { createQuotas, type Quotas } from '../../src/auth/quotas.ts'
import type { TokenEstimate } from '../../src/auth/quotas-tokens.ts'
import type { Viewer } from '../../src/auth/viewer.ts'
import type { PrismaClient } from '../../src/database/generated/client.ts'
import { createConfig } from '../../src/platform/config/load.ts'
import { RequestError } from '../../src/platform/errors.ts'
import { newUlid } from '../../src/platform/ids.ts'
import { noUsage } from '../../src/providers/usage.ts'
import { storeMessage } from '../../src/runs/new-message.ts'
import { claimRun, endIdleRuns, endRun, type Lease, LeaseLostError } from '../../src/runs/run-rows.ts'
import { createViewer } from './chat.ts'

/** Something that has begun, and what is held for it. */
export interface Begun {
  readonly id: string
  readonly kind: 'run' | 'request'
  readonly held: number
}

/** How something ends; a crash is found by whoever takes the run over, and by nobody for a request. */
export type Ending = 'settled' | 'cancelled while queued' | 'crashed'

/** One user with a quota, whose runs and requests begin and end as they do in a server, without a model. */
export class QuotaWorld {
  readonly quotas: Quotas
  readonly #database: PrismaClient
  readonly #viewer: Viewer

  private constructor(database: PrismaClient, viewer: Viewer) {
    this.#database = database
    this.#viewer = viewer
    this.quotas = createQuotas({ config: createConfig().quotas, database })
  }

  static async create(database: PrismaClient, tokensPerDay: number): Promise<QuotaWorld> {
    return new QuotaWorld(database, { ...(await createViewer(database)), tokensPerDay })
  }

  async standing(): Promise<{ readonly used: number; readonly reserved: number }> {
    const today = await this.quotas.tokens.today(this.#viewer)
    if (!today) throw new Error('the viewer has no quota')
    return { used: today.tokensUsed, reserved: today.tokensReserved }
  }

  /** Null where the quota does not allow it. */
  async begin(kind: Begun['kind'], estimate: TokenEstimate): Promise<Begun | null> {
    try {
      const id = kind === 'run' ? await this.#storeRun(estimate) : await this.#holdForRequest(estimate)
      const { tokens } = await this.#database.tokenReservation.findUniqueOrThrow({ where: { id } })
      return { id, kind, held: tokens }
    } catch (error) {
      if (error instanceof RequestError && error.code === 'QUOTA_EXCEEDED') return null
      throw error
    }
  }

  /** Returns what is counted. */
  async end({ id, kind }: Begun, ending: Ending, tokens: number): Promise<number> {
    if (kind === 'request') {
      if (ending !== 'crashed') await this.quotas.tokens.settle(this.#viewer, { id, tokens })
      else await this.#database.tokenReservation.update({ where: { id }, data: { expiresAt: new Date(0) } })
      return ending === 'crashed' ? 0 : tokens
    }
    switch (ending) {
      case 'settled':
        await this.#endRun(await this.#claim(id, 60_000), tokens)
        return tokens
      case 'cancelled while queued':
        await this.#database.$transaction((transaction) => endIdleRuns(transaction, [id]))
        return 0
      case 'crashed': {
        // Its process is not quite dead: it stores its end after another has taken the run, or tries to.
        const dead = await this.#claim(id, -1)
        const successor = await this.#claim(id, 60_000)
        const refused = this.#endRun(dead, tokens + 1).catch((error: unknown) => error)
        const [lost] = await Promise.all([refused, this.#endRun(successor, tokens)])
        if (!(lost instanceof LeaseLostError)) throw new Error('a run was ended by one who no longer had it')
        return tokens
      }
    }
  }

  async #storeRun(estimate: TokenEstimate): Promise<string> {
    return this.#database.$transaction(async (transaction) => {
      const { runId } = await storeMessage(this.#viewer, transaction, {
        threadId: null,
        text: 'A question',
        attachmentIds: [],
        parent: { kind: 'newest' },
        whenBusy: 'ENQUEUE',
        field: 'threadId',
        run: { modelId: 'none/none', options: noOptions, clientTools: [], requestId: 'request', announce: () => {} },
      })
      if (runId === null) throw new Error('no run was stored')
      await this.quotas.tokens.reserveForRun(this.#viewer, transaction, { runId, estimate })
      return runId
    })
  }

  async #holdForRequest(estimate: TokenEstimate): Promise<string> {
    const id = `request_${newUlid()}`
    await this.quotas.tokens.reserve(this.#viewer, { id, estimate })
    return id
  }

  async #claim(runId: string, leaseMs: number): Promise<Lease> {
    const lease = await claimRun(this.#database, { runId, owner: newUlid(), leaseMs })
    if (!lease) throw new Error('the run could not be taken')
    return lease
  }

  async #endRun(lease: Lease, tokens: number): Promise<void> {
    await endRun(this.#database, lease, {
      outcome: { status: 'COMPLETED', error: null },
      checkpoint: { text: 'An answer', reasoning: null, parts: [], firstTokenAt: null },
      usage: { ...noUsage, inputTokens: Math.floor(tokens / 2), outputTokens: Math.ceil(tokens / 2) },
      revision: newUlid(),
    })
  }
}

const noOptions = {
  temperature: null,
  maxOutputTokens: null,
  toolChoice: null,
  reasoningEffort: null,
  maxSteps: null,
}
