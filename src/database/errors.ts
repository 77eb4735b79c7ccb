import { Prisma } from './generated/client.ts'

/** Whether a statement failed because a row with the same unique value is there already (SQLSTATE 23505). */
export function isUniqueViolation(error: unknown): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false
  return (
    error.code === 'P2002' || /23505|UniqueConstraintViolation/.test(JSON.stringify(error.meta ?? {}) + error.message)
  )
}

/** Whether a statement was given up because it could not have a lock within `lock_timeout` (SQLSTATE 55P03). */
export function isLockTimeout(error: unknown): boolean {
  return hasState(error, '55P03')
}

/** Whether a statement was ended because it took longer than `statement_timeout` (SQLSTATE 57014). */
export function isCanceledStatement(error: unknown): boolean {
  return hasState(error, '57014')
}

/** Whether PostgreSQL could not make sense of a regular expression, or found it too large (SQLSTATE 2201B). */
export function isRefusedPattern(error: unknown): boolean {
  return hasState(error, '2201B')
}

/** Prisma has no field of its own for the states that it does not know. */
function hasState(error: unknown, state: string): boolean {
  if (!(error instanceof Prisma.PrismaClientKnownRequestError)) return false
  return (JSON.stringify(error.meta ?? {}) + error.message).includes(state)
}
