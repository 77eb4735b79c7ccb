import { createHash } from 'node:crypto'
import type { Viewer } from '../auth/viewer.ts'
import type { Prisma } from '../database/generated/client.ts'
import { badInput, conflict } from '../platform/errors.ts'
import { cleanText } from '../platform/text.ts'

/** For how long a key stands for its first call. */
const keyHours = 24

export interface Idempotency {
  /** The mutation's name: the same key may be used with several. */
  readonly mutation: string
  readonly key: string | null
  /** All of the input but the key. */
  readonly input: unknown
}

/**
 * Does something once for each key that a user chose: the first call's `payload` is stored in the same transaction and
 * returned to later calls. Throws CONFLICT for the same key with another input. Calls with one key wait for each other.
 */
export async function once<Payload extends Prisma.InputJsonObject>(
  viewer: Viewer,
  transaction: Prisma.TransactionClient,
  { mutation, key, input }: Idempotency,
  act: () => Promise<Payload>,
): Promise<{ payload: Payload; repeated: boolean }> {
  if (key === null) return { payload: await act(), repeated: false }
  if (key === '') throw badInput('idempotencyKey', 'must not be empty.')
  cleanText('idempotencyKey', key, 500)

  const id = { ownerId: viewer.id, mutation, key }
  const inputHash = createHash('sha256').update(canonicalJson(input)).digest('base64')
  await transaction.idempotencyKey.deleteMany({ where: { ...id, createdAt: { lt: keyExpiry() } } })
  // Where another transaction has inserted the key and not ended, this waits for it.
  const inserted = await transaction.idempotencyKey.createMany({
    data: { ...id, inputHash, payload: {} },
    skipDuplicates: true,
  })
  if (inserted.count === 0) {
    const first = await transaction.idempotencyKey.findUniqueOrThrow({ where: { ownerId_mutation_key: id } })
    if (first.inputHash !== inputHash)
      throw conflict('idempotencyKey: this key was used with another input.', 'idempotencyKey')
    return { payload: first.payload as Payload, repeated: true }
  }
  const payload = await act()
  await transaction.idempotencyKey.update({ where: { ownerId_mutation_key: id }, data: { payload } })
  return { payload, repeated: false }
}

/** Keys that were first used before this are free again. */
export function keyExpiry(): Date {
  return new Date(Date.now() - keyHours * 3_600_000)
}

/** JSON whose members are in order, and in which a null is as if left out: equal inputs give equal texts. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, member: unknown) =>
    typeof member === 'object' && member !== null && !Array.isArray(member)
      ? Object.fromEntries(
          Object.entries(member)
            .filter(([, inner]) => inner !== null && inner !== undefined)
            .sort(([left], [right]) => (left < right ? -1 : 1)),
        )
      : member,
  )
}
