import type { PrismaClient } from '../../src/database/generated/client.ts'
import { passageTexts } from '../../src/search/passage-texts.ts'
import type { Hit, Scope } from '../../src/search/scope.ts'

/** What was found says, in its order. */
export async function foundTexts(
  client: PrismaClient,
  scope: Scope,
  hits: readonly Hit[],
): Promise<(string | undefined)[]> {
  const texts = await passageTexts(client, scope, hits)
  return hits.map(({ passageId }) => texts.get(passageId))
}
