import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'

const executablePath = process.env.PARLEY_TEST_CHROMIUM ?? '/usr/bin/chromium'

/** Whether there is a browser; says so where there is none. */
export function hasBrowser(): boolean {
  if (existsSync(executablePath)) return true
  process.stdout.write(`No Chromium at ${executablePath}: skipping the tests that need one.\n`)
  return false
}

export interface TestPage extends AsyncDisposable {
  readonly page: Page
  /** Requests that were to leave for another origin, WebSockets included; none of them gets there. */
  readonly foreignRequests: readonly string[]
  /** What the page complained about: uncaught errors, and errors on its console. */
  readonly complaints: readonly string[]
}

/** A browser of its own that reaches the server at this URL and nothing else. */
export async function openPage(serverUrl: string): Promise<TestPage> {
  await using resources = new AsyncDisposableStack()
  const browser = resources.use(await launch())
  const page = await browser.newPage({ viewport: { width: 1280, height: 800 } })
  page.setDefaultTimeout(15_000)
  const { host } = new URL(serverUrl)
  const foreignRequests: string[] = []
  const complaints: string[] = []
  const isForeign = (url: URL) => !['blob:', 'data:', 'about:'].includes(url.protocol) && url.host !== host
  await page.context().route(isForeign, (route) => {
    foreignRequests.push(route.request().url())
    return route.abort()
  })
  page.on('websocket', (socket) => {
    if (isForeign(new URL(socket.url()))) foreignRequests.push(socket.url())
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('console', (message) => {
    if (message.type() === 'error') complaints.push(message.text())
  })
  const held = resources.move()
  return { page, foreignRequests, complaints, [Symbol.asyncDispose]: () => held.disposeAsync() }
}

function launch(): Promise<Browser> {
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-quic',
      '--no-first-run',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // Whatever is not asked for by the page itself reaches nobody either.
      '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1',
    ],
  })
}
