import type { Logger } from 'pino'
import type { Viewer } from '../auth/viewer.ts'
import { isUniqueViolation } from '../database/errors.ts'
import type { PrismaClient } from '../database/generated/client.ts'
import { createCipher } from '../platform/encryption.ts'
import { conflict, notFound } from '../platform/errors.ts'
import { newUlid } from '../platform/ids.ts'
import type { OutboundGuard } from '../platform/outbound-guard.ts'
import { repeat } from '../platform/repeat.ts'
import { requireKeysForNewAddress } from './kept-keys.ts'
import { isProviderId, mergeInput, type ProviderInput, parseValues, requireOutwardUrls } from './provider-input.ts'
import type { ProviderStatus } from './provider-status.ts'
import type { Providers } from './registry.ts'
import { readRow, toRow, toStoredProvider } from './stored-provider-row.ts'

/** The providers of the database: they are added, changed and removed while the server runs. */
export interface StoredProviders extends AsyncDisposable {
  /** Throws BAD_USER_INPUT with the field at fault, CONFLICT where another provider has the id. */
  add(viewer: Viewer, id: string, input: ProviderInput): Promise<ProviderStatus>
  /** Throws as `add` does; NOT_FOUND where there is none, CONFLICT for one of the configuration. */
  update(viewer: Viewer, id: string, input: ProviderInput): Promise<ProviderStatus>
  /** Runs under way at it go on to their end. Throws as `update` does. */
  remove(viewer: Viewer, id: string): Promise<void>
}

export interface StoredProvidersOptions {
  readonly database: PrismaClient
  readonly providers: Pick<Providers, 'list' | 'kindNames' | 'replaceStored'>
  /** What they may reach. */
  readonly outbound: OutboundGuard
  /** See `encryptionKeyWords`; undefined: providers with keys are refused. */
  readonly encryptionKey: string | undefined
  /** Whether other instances may change what is stored: then it is looked at all the time. */
  readonly isShared: boolean
  readonly log: Logger
}

/** Other instances see a change within five seconds: this leaves time for a slow answer of the database. */
const pollMs = 2_000
/** Each has its own probes and list of models. */
const maxProviders = 200

/** Loads the providers of the database, and follows their changes until disposal. */
export async function openStoredProviders(options: StoredProvidersOptions): Promise<StoredProviders> {
  const { database, providers, outbound, encryptionKey, isShared, log } = options
  const cipher = encryptionKey === undefined ? null : createCipher(encryptionKey)
  const table = database.storedProvider
  let held = new Map<string, string>()
  let loading: Promise<void> = Promise.resolve()

  /** One at a time: what was read first must not be applied last. */
  function reload(): Promise<void> {
    const loaded = loading.then(load)
    loading = loaded.catch(() => {})
    return loaded
  }

  async function load(): Promise<void> {
    const rows = await table.findMany({ orderBy: [{ createdAt: 'asc' }, { id: 'asc' }] })
    const stored = rows.map((row) => toStoredProvider(row, cipher))
    for (const { config, revision, problem } of stored) {
      if (problem !== null && held.get(config.id) !== revision) log.warn({ providerId: config.id }, problem)
    }
    held = new Map(rows.map(({ id, revision }) => [id, revision]))
    providers.replaceStored(stored)
  }

  async function poll(): Promise<void> {
    const rows = await table.findMany({ select: { id: true, revision: true } })
    const isSame = rows.length === held.size && rows.every(({ id, revision }) => held.get(id) === revision)
    if (!isSame) await reload()
  }

  function statusOf(id: string): ProviderStatus {
    const status = providers.list({ includeDisabled: true }).find((provider) => provider.id === id)
    if (!status) throw conflict(`The provider '${id}' was removed meanwhile.`)
    return status
  }

  function refuseConfigured(id: string, field: string): void {
    const status = providers.list({ includeDisabled: true }).find((provider) => provider.id === id)
    if (status?.source === 'CONFIGURATION')
      throw conflict(`${field}: '${id}' is in the server's configuration, where alone it can be changed.`, field)
  }

  async function add(viewer: Viewer, id: string, input: ProviderInput): Promise<ProviderStatus> {
    const values = mergeInput({ id }, input)
    requireOutwardUrls(parseValues(values, providers.kindNames, 'id'), outbound)
    refuseConfigured(id, 'id')
    const row = toRow(id, values, cipher)
    if ((await table.count()) >= maxProviders) throw conflict(`At most ${maxProviders} providers can be stored.`)
    try {
      await table.create({ data: { ...row, revision: newUlid() } })
    } catch (error) {
      if (isUniqueViolation(error)) throw conflict(`id: another provider is called '${id}'.`, 'id')
      throw error
    }
    return applied(viewer, id, 'a provider was added')
  }

  async function update(viewer: Viewer, id: string, input: ProviderInput): Promise<ProviderStatus> {
    refuseConfigured(id, 'providerId')
    const stored = isProviderId(id) ? await table.findUnique({ where: { id } }) : null
    if (!stored) throw notFound('provider', 'providerId')
    const { values: before, problem } = readRow(stored, cipher)
    const values = mergeInput(before, input)
    const config = parseValues(values, providers.kindNames, 'providerId')
    // What is there already may be changed, or switched off, also where it may not be reached.
    if (input.baseUrl !== undefined || input.accounts !== undefined) requireOutwardUrls(config, outbound)
    requireKeysForNewAddress(before, input, { after: values, isUnread: problem !== null })
    const row = toRow(id, values, cipher)
    // Who changes no keys keeps also those that cannot be read at the moment.
    const secrets = changesKeys(input) ? row.secrets : stored.secrets
    const { count } = await table.updateMany({
      where: { id, revision: stored.revision },
      data: { ...row, secrets, revision: newUlid(), updatedAt: new Date() },
    })
    if (count === 0) throw conflict('Somebody else changed the provider meanwhile; try again.')
    return applied(viewer, id, 'a provider was changed')
  }

  async function remove(viewer: Viewer, id: string): Promise<void> {
    refuseConfigured(id, 'providerId')
    const { count } = isProviderId(id) ? await table.deleteMany({ where: { id } }) : { count: 0 }
    if (count === 0) throw notFound('provider', 'providerId')
    await reload()
    log.info({ providerId: id, viewerId: viewer.id }, 'a provider was removed')
  }

  async function applied(viewer: Viewer, id: string, what: string): Promise<ProviderStatus> {
    await reload()
    log.info({ providerId: id, viewerId: viewer.id }, what)
    return statusOf(id)
  }

  await load()
  const polling = isShared ? repeat({ everyMs: pollMs, log, task: 'reading the stored providers' }, poll) : undefined
  return {
    add,
    update,
    remove,
    async [Symbol.asyncDispose]() {
      await polling?.[Symbol.asyncDispose]()
      await loading
    },
  }
}

function changesKeys({ apiKey, headers, accounts }: ProviderInput): boolean {
  return apiKey !== undefined || headers !== undefined || accounts !== undefined
}
