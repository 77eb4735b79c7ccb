import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createApp } from '../src/app.ts'
import { createConfig } from '../src/platform/config/load.ts'
import { createLog } from '../src/platform/log.ts'
import { builtinTools } from '../src/tools/builtin/builtin-tools.ts'
import type { SearchPlace } from './house.ts'
import { modelName, toolsModelName } from './prompt.ts'
import { serveCommands } from './remote.ts'
import { serverCommands } from './usage.ts'
import { waitTool } from './wait-tool.ts'
import { wires } from './wire.ts'

// Parley as it is shipped: embedded database in a worker thread, recorder, checkpoints, log. Only the number of runs at a
// time is raised. Search is off, which would embed what was said once an answer is over, unless it is asked for.

const [upstream = '', searchPlace] = process.argv.slice(2)
const searching = searchPlace === undefined ? null : (JSON.parse(searchPlace) as SearchPlace)

await using resources = new AsyncDisposableStack()
const dataDir = searching?.dataDir ?? (await mkdtemp(join(tmpdir(), 'parley-bench-')))
if (!searching) resources.defer(() => rm(dataDir, { recursive: true, force: true }))
const config = createConfig({
  port: 0,
  dataDir,
  providers: wires.map(({ kind }) => ({
    id: kind,
    kind,
    baseUrl: kind.startsWith('openai') ? `${upstream}/v1` : upstream,
    models: kind === 'openai' ? [modelName, toolsModelName] : [modelName],
  })),
  defaultModel: `openai/${modelName}`,
  runs: { concurrency: 5_000 },
  search: { enabled: searching !== null },
  ...(searching?.databaseUrl && { database: { url: searching.databaseUrl } }),
})
const app = resources.use(
  await createApp({ config, log: createLog(config), builtinTools: [...builtinTools, waitTool] }),
)
app.warm()

const url = `${app.server.url.replace(/^http/, 'ws')}/graphql`
serveCommands(serverCommands(url), resources.move())
