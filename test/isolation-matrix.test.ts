import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { accessTo } from '../src/graphql/access.ts'
import { createSchema } from '../src/graphql/schema.ts'
import { newUlid } from '../src/platform/ids.ts'
import { allRows, idsOfUser } from './support/all-rows.ts'
import { attempt, type Outcome, type Transport } from './support/attempt.ts'
import { casesOf, type IsolationCase, idFor, ownedPlaces } from './support/isolation-cases.ts'
import { type Operation, operationsOf } from './support/operations-of.ts'
import {
  canary,
  createToken,
  type OwnIds,
  type Persona,
  type Personas,
  startPersonas,
  storeFile,
} from './support/personas.ts'
import { parkForDecision } from './support/tool-rows.ts'

// Every operation of the schema, found by walking it, × everybody who is not the owner: another user, an ADMIN, a VIEWER,
// nobody, and somebody whose account is gone. A field that is new is tried without being named here; where it takes
// something that `support/operation-values.ts` has no line for, all of this fails and says which.

const operations = operationsOf(createSchema())
const access = ({ rootType, rootField }: Operation) => accessTo(rootType, rootField)
const takingIds = operations.filter((operation) => ownedPlaces(operation).length > 0)

let personas: Personas
let owned: { readonly ids: readonly string[]; readonly sets: readonly OwnIds[] }

beforeAll(async () => {
  personas = await startPersonas()
  const { owner, rows } = personas
  const { live } = owner
  const setOfLive = { ...owner.own, thread: live.threadId, message: live.questionId, run: live.runId }
  owned = { ids: await idsOfUser(rows, owner.own.user), sets: [owner.own, setOfLive] }
})
afterAll(() => personas[Symbol.asyncDispose]())

const transportsOf = ({ rootType }: Operation): readonly Transport[] =>
  rootType === 'Subscription' ? ['sse', 'websocket'] : ['http']

/** The owner's own ids wherever the operation asks for one. */
const ownersIds = (operation: Operation, own: OwnIds) =>
  Object.fromEntries(ownedPlaces(operation).map(({ path, meaning }) => [path, idFor(meaning, own)]))

/** What of the owner's is in a response to somebody else; what was sent is not in it any more. */
function leaked({ body }: Outcome): readonly string[] {
  return [canary, ...owned.ids].filter((secret) => body.includes(secret))
}

/** Everything wrong with the responses to one case; nothing where all is as it should be. */
async function faultsOf(persona: Persona, operation: Operation, attempted: IsolationCase): Promise<readonly unknown[]> {
  const faults: unknown[] = []
  for (const transport of transportsOf(operation)) {
    const { server } = personas.accounts
    const forbidden = await attempt(server, persona, operation, attempted.forbidden, transport)
    const missing = await attempt(server, persona, operation, attempted.missing, transport)
    const told = { what: attempted.what, transport, forbidden, missing }
    if (JSON.stringify(forbidden) !== JSON.stringify(missing)) faults.push({ ...told, fault: 'can be told apart' })
    if (leaked(forbidden).length > 0) faults.push({ ...told, fault: 'leaks', leaked: leaked(forbidden) })
    if (operation.rootType !== 'Query' && forbidden.codes.length === 0) faults.push({ ...told, fault: 'not refused' })
  }
  return faults
}

describe.each(['other', 'admin', 'viewer'] as const)('to somebody else (%s)', (name) => {
  test.each(takingIds.map((operation) => [operation.name, operation] as const))(
    'what is not theirs looks as if it were not there, and stays as it is: %s',
    async (_name, operation) => {
      // What an ADMIN may do to other users is no matter of isolation.
      if (name === 'admin' && access(operation) === 'admin') return
      const persona = personas[name]
      const before = await allRows(personas.rows)
      const cases = casesOf(operation, persona.own, owned)
      expect(cases.length).toBeGreaterThan(0)
      const faults: unknown[] = []
      for (const attempted of cases) faults.push(...(await faultsOf(persona, operation, attempted)))
      expect(faults).toEqual([])
      expect(await allRows(personas.rows)).toEqual(before)
    },
  )
})

/** Sends each operation, with ids of the owner, of the caller and of nothing, and gives the codes that came. */
async function codesFor(persona: Persona, operation: Operation): Promise<readonly (string | undefined)[]> {
  const codes: (string | undefined)[] = []
  const { server } = personas.accounts
  for (const own of [personas.owner.own, persona.own])
    for (const transport of transportsOf(operation)) {
      const outcome = await attempt(server, persona, operation, ownersIds(operation, own), transport)
      if (own === personas.owner.own) expect(leaked(outcome), operation.name).toEqual([])
      // A socket that is not let in is closed with 4403, which says the same.
      codes.push(outcome.status === 4403 ? 'UNAUTHENTICATED' : outcome.codes[0])
    }
  return codes
}

describe.each([
  // Whoever brings no credentials reaches what is open, and whoever brings bad ones not even that.
  ['nobody', 'UNAUTHENTICATED', (operation: Operation) => access(operation) !== 'open'],
  ['deleted', 'UNAUTHENTICATED', () => true],
  ['viewer', 'FORBIDDEN', (operation: Operation) => access(operation) === 'user' || access(operation) === 'admin'],
  ['other', 'FORBIDDEN', (operation: Operation) => access(operation) === 'admin'],
] as const)('%s', (name, code, isRefused) => {
  test(`is told ${code} for whatever their role is too low for, whether it exists or not, and changes nothing`, async () => {
    const before = await allRows(personas.rows)
    const refused = operations.filter(isRefused)
    expect(refused.length).toBeGreaterThan(2)
    const told = []
    for (const operation of refused) told.push([operation.name, new Set(await codesFor(personas[name], operation))])
    expect(told).toEqual(refused.map((operation) => [operation.name, new Set([code])]))
    expect(await allRows(personas.rows)).toEqual(before)
  })
})

test('a VIEWER reads and follows what is theirs', async () => {
  const { accounts, viewer } = personas
  const readable = takingIds.filter((operation) => access(operation) === 'reader' && operation.rootType !== 'Mutation')
  expect(readable.length).toBeGreaterThan(2)
  for (const operation of readable)
    for (const transport of transportsOf(operation)) {
      const ids = ownersIds(operation, viewer.own)
      const { codes, body } = await attempt(accounts.server, viewer, operation, ids, transport)
      expect(codes, `${operation.name}: ${body}`).toEqual([])
      expect(body, operation.name).toMatch(/Of viewer|"viewer"/)
    }
})

describe('to the owner', () => {
  const ownersQueries = takingIds.filter(({ rootType }) => rootType !== 'Mutation')
  test.each(ownersQueries.map((operation) => [operation.name, operation] as const))(
    'the same request gives what it gives to nobody else: %s',
    async (_name, operation) => {
      const { accounts, owner } = personas
      // Of the two, the one whose answer is being written: its stream begins with something.
      const ids = ownersIds(operation, operation.rootType === 'Subscription' ? liveSet() : owner.own)
      for (const transport of transportsOf(operation)) {
        const outcome = await attempt(accounts.server, owner, operation, ids, transport)
        expect(outcome.codes, outcome.body).toEqual([])
        expect(outcome.body).toContain(canary)
      }
    },
  )

  const ownersMutations = takingIds.filter(({ rootType }) => rootType === 'Mutation')
  test.each(ownersMutations.map((operation) => [operation.name, operation] as const))(
    'the same request does what it does for nobody else: %s',
    async (_name, operation) => {
      const { accounts, owner, admin } = personas
      const { persona, own } =
        access(operation) === 'admin' ? { persona: admin, own: await newMember() } : await fresh()
      expect([owner.name, admin.name]).toContain(persona.name)
      const outcome = await attempt(accounts.server, persona, operation, ownersIds(operation, own))
      expect(outcome.codes, outcome.body).toEqual([])
      expect(outcome.status).toBe(200)
    },
  )

  test('what takes no id, and is refused to those below, works for an ADMIN', async () => {
    const { accounts, admin } = personas
    const queries = operations.filter(({ rootType, places }) => rootType === 'Query' && places.length === 0)
    const told = []
    for (const operation of queries) {
      const { codes, body } = await attempt(accounts.server, admin, operation, {})
      told.push([operation.name, codes.length === 0 ? 'works' : body])
    }
    expect(told).toEqual(queries.map(({ name }) => [name, 'works']))
  })

  test('the matrix would notice: what the owner sees can be told apart from what is missing', async () => {
    const { owner } = personas
    const operation = operations.find(({ name }) => name === 'Query.thread')
    if (!operation) throw new Error('there is no Query.thread')
    const own = { forbidden: { id: owner.own.thread }, missing: { id: `${owner.own.thread.slice(0, -4)}0000` } }
    const faults = await faultsOf(owner, operation, { what: 'the own thread', ...own })
    expect(faults).toMatchObject([{ fault: 'can be told apart' }, { fault: 'leaks' }])
  })
})

/** What of the owner's is going on. */
function liveSet(): OwnIds {
  const [, live] = owned.sets
  if (!live) throw new Error('nothing of the owner is going on')
  return live
}

/** A new thread and token of the owner, and a run that waits in another, which an operation may do away with. */
async function fresh(): Promise<{ persona: Persona; own: OwnIds }> {
  const { accounts, owner, ownerMember, rows, converse } = personas
  const { threadId, questionId, runId } = await converse(ownerMember, `Fresh ${newUlid()}`)
  const waiting = await converse(ownerMember, `Waiting ${newUlid()}`)
  const own = {
    ...owner.own,
    thread: threadId,
    message: questionId,
    run: runId,
    accessToken: await createToken(ownerMember, 'Fresh'),
    attachment: await storeFile({ server: accounts.server, ...ownerMember }, 'Fresh'),
    ...(await parkForDecision(rows, ownerMember.id, waiting)),
  }
  return { persona: owner, own }
}

/** A new user, whom an ADMIN may do away with. */
async function newMember(): Promise<OwnIds> {
  const { accounts, owner } = personas
  return { ...owner.own, user: (await accounts.addMember()).id }
}
