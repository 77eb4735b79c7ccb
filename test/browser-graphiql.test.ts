import type { Page } from 'playwright-core'
import { describe, expect, test, vi } from 'vitest'
import { startAccounts } from './support/accounts.ts'
import { askForTools, mailTool, type Sent } from './support/asking.ts'
import { hasBrowser, openPage } from './support/browser.ts'
import { scriptedProvider } from './support/conversation.ts'
import { startScriptedModel } from './support/scripted-model.ts'
import { startTestServer } from './support/server.ts'

describe.skipIf(!hasBrowser()).each([{ basePath: '' }, { basePath: '/chat' }])(
  'GraphiQL behind the path prefix "$basePath"',
  ({ basePath }) => {
    test('sends a message and shows its answer stream, with no other host in reach and nothing pasted', {
      timeout: 60_000,
    }, async () => {
      await using server = await startTestServer({ config: { basePath } })
      await using opened = await openPage(server.url)
      const { page, foreignRequests, complaints } = opened
      const events = watchEvents(page, server.webSocketUrl)
      await page.goto(server.url)

      await page.getByRole('tab', { selected: true, name: 'SendMessage' }).waitFor()
      expect(await page.locator('.graphiql-tab-button').allTextContents()).toEqual([
        'SendMessage',
        'MessageStream',
        'Threads',
        'Models',
        'Tools',
        'Decide',
      ])
      await execute(page, '"status": "QUEUED"')

      await selectTab(page, 'MessageStream')
      await execute(page, '"status": "COMPLETED"')
      expect(events.filter((type) => type === 'TextDelta').length).toBeGreaterThan(10)
      expect(events.at(-1)).toBe('RunStatusChanged')

      for (const [tab, text] of [
        ['Threads', 'What can you do?'],
        ['Models', '"id": "demo/parley-demo"'],
        ['Tools', '"name": "get_current_time"'],
      ] as const) {
        await selectTab(page, tab)
        await execute(page, text)
      }
      expect({ foreignRequests, complaints }).toEqual({ foreignRequests: [], complaints: [] })
    })
  },
)

test.skipIf(!hasBrowser())(
  'GraphiQL shows a call that waits, and decides on it with nothing pasted',
  { timeout: 60_000 },
  async () => {
    await using model = await startScriptedModel()
    const sent: Sent = []
    await using server = await startTestServer({ config: scriptedProvider(model), builtinTools: [mailTool(sent)] })
    await using opened = await openPage(server.url)
    const { page } = opened
    await page.goto(server.url)
    await page.getByRole('tab', { selected: true, name: 'SendMessage' }).waitFor()
    askForTools(model, [{ id: 'call_1', arguments: { to: 'ann' } }])
    await execute(page, '"status": "QUEUED"')
    await selectTab(page, 'MessageStream')
    await execute(page, '"status": "AWAITING_APPROVAL"')
    await selectTab(page, 'Tools')
    await execute(page, '"toolName": "send_mail"')
    await selectTab(page, 'Decide')
    await execute(page, '"status": "APPROVED"')
    await vi.waitFor(() => expect(sent).toEqual([{ tool: 'send_mail', arguments: { to: 'ann' } }]), 20_000)
  },
)

test.skipIf(!hasBrowser())(
  "GraphiQL's documentation explorer shows the schema's descriptions",
  { timeout: 60_000 },
  async () => {
    await using server = await startTestServer()
    await using opened = await openPage(server.url)
    const { page, complaints } = opened
    await page.goto(server.url)
    await page.getByRole('button', { name: 'Show Documentation Explorer' }).click()
    const explorer = page.locator('.graphiql-doc-explorer')
    await explorer.getByRole('link', { name: 'Mutation', exact: true }).click()
    await explorer.getByText('What can be changed.').waitFor()
    await explorer.getByRole('link', { name: 'sendMessage', exact: true }).click()
    await explorer.getByText("Stores the user's message, starts a run and returns at once").waitFor()
    expect(complaints).toEqual([])
  },
)

describe.skipIf(!hasBrowser())('GraphiQL, where people have to sign in,', () => {
  const connectedAs = 'subscription { messageStream(threadId: "thread_0") { cursor } }'

  test('signs in with what a login gives, over WebSocket too', { timeout: 60_000 }, async () => {
    await using accounts = await startAccounts()
    const { username, password } = await accounts.addMember()
    await using opened = await openPage(accounts.server.url)
    const { page } = opened
    await page.goto(accounts.server.url)
    await page.getByRole('tab', { selected: true, name: 'SignIn' }).waitFor()
    await fill(page, '.graphiql-query-editor', 'query Count { threads { totalCount } }')
    await execute(page, 'UNAUTHENTICATED')
    const input = JSON.stringify({ username, password }).replaceAll(/"(\w+)":/g, '$1: ')
    await fill(page, '.graphiql-query-editor', `mutation { login(input: ${input}) { accessToken } }`)
    await execute(page, '"accessToken":')
    await fill(page, '.graphiql-query-editor', 'query Count { threads { totalCount } }')
    await execute(page, '"totalCount": 0')
    await fill(page, '.graphiql-query-editor', connectedAs)
    await execute(page, 'NOT_FOUND')
  })

  test('signs in with the headers of a tab, over WebSocket too', { timeout: 60_000 }, async () => {
    await using accounts = await startAccounts()
    const { headers } = await accounts.addMember()
    await using opened = await openPage(accounts.server.url)
    const { page } = opened
    await page.goto(accounts.server.url)
    await page.getByRole('tab', { selected: true, name: 'SignIn' }).waitFor()
    await page.locator('button[data-name="headers"]').click()
    await fill(page, '.graphiql-editor-tool', JSON.stringify(headers))
    await fill(page, '.graphiql-query-editor', connectedAs)
    await execute(page, 'NOT_FOUND')
    await fill(page, '.graphiql-query-editor', 'query Count { threads { totalCount } }')
    await execute(page, '"totalCount": 0')
  })
})

/** Replaces what stands in an editor. */
async function fill(page: Page, editor: string, text: string): Promise<void> {
  await page.locator(`${editor} .monaco-editor:visible .view-lines`).first().click()
  await page.keyboard.press('ControlOrMeta+A')
  await page.keyboard.insertText(text)
}

/** Runs the open tab, and waits until the answer shows this. */
async function execute(page: Page, text: string): Promise<void> {
  const button = page.getByRole('button', { name: /^Execute query/ })
  const answer = page.getByLabel('Result Window')
  await button.click()
  const shown = async () => {
    // The editor breaks lines, and shows its spaces as no-break ones.
    const all = (await answer.innerText()).replace(/\s+/g, ' ')
    // GraphiQL learns from a worker which operation the tab holds; until then it runs the other tab's.
    if (all.includes('Cannot infer operation')) await button.click()
    return all
  }
  await expect.poll(shown, { timeout: 15_000 }).toContain(text)
}

/** By an event, since a tab that is still sliding into its place takes the mouse's click for a drag. */
async function selectTab(page: Page, name: string): Promise<void> {
  await page.getByRole('button', { name, exact: true }).dispatchEvent('click')
  await page.getByRole('tab', { selected: true, name }).waitFor()
}

/** The types of the events that reach the page over its WebSocket at this address. */
function watchEvents(page: Page, url: string): readonly string[] {
  const types: string[] = []
  page.on('websocket', (socket) => {
    expect(socket.url()).toBe(url)
    socket.on('framereceived', ({ payload }) => {
      const type = /"__typename":"(\w+)"/.exec(String(payload))?.[1]
      if (type !== undefined) types.push(type)
    })
  })
  return types
}
