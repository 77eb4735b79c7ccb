import { prepareTestDatabases } from './database.ts'

/** Vitest calls this once, before any test, and what it returns after the last. */
export default async function setup(): Promise<() => Promise<void>> {
  const databases = await prepareTestDatabases()
  return async () => {
    await databases[Symbol.asyncDispose]()
  }
}
