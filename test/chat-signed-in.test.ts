import { expect, test } from 'vitest'
import { CreatePersonalAccessTokenDocument } from './generated/graphql.ts'
import { startAccounts } from './support/accounts.ts'
import { runParley } from './support/process.ts'

test('chat signs in with PARLEY_TOKEN where users sign in, and says so where it is missing', async () => {
  await using accounts = await startAccounts()
  const input = { name: 'terminal', scope: 'CONVERSE', expiresInDays: 1 } as const
  const { createPersonalAccessToken } = await accounts.admin.client.request(CreatePersonalAccessTokenDocument, {
    input,
  })
  const args = ['chat', 'Hello /fast', '--url', accounts.server.url]
  expect(await runParley({ args, env: { PARLEY_TOKEN: createPersonalAccessToken.token } })).toMatchObject({
    code: 0,
    stdout: expect.stringContaining('You said: "Hello'),
  })
  expect(await runParley({ args })).toMatchObject({ code: 1, stderr: expect.stringContaining('PARLEY_TOKEN') })
})
