import type { System } from './chat-client.ts'
import type { LoadCommands } from './load.ts'
import { divideCores, type Remote, startRemote } from './remote.ts'
import type { UpstreamCommands } from './upstream.ts'
import type { ServerCommands } from './usage.ts'

/** A server that is measured. */
export interface Server {
  readonly system: System
  readonly url: string
  readonly remote: Remote<ServerCommands>
}

/** The processes of a benchmark. */
export interface House extends AsyncDisposable {
  readonly parley: Server
  readonly floor: Server
  readonly load: Remote<LoadCommands>
  readonly upstream: Remote<UpstreamCommands>
  readonly grantPort: number
  /** Which core the servers share, and which are everyone else's; null: all are everyone's. */
  readonly cores: { readonly server: string | null; readonly others: string | null }
  /** A PostgreSQL on which databases may be created; null: there is none. */
  readonly postgresUrl: string | null
  /** Lets the model and the people have every core, as searching servers do, until it is disposed of. */
  unpin(): Disposable
  /** Another server, beside those that have been at work; it is the caller's to end. */
  startServer(system: System, searching?: SearchPlace): Promise<Server & AsyncDisposable>
}

/** Where a Parley searches that has search on; it may use all cores. */
export interface SearchPlace {
  readonly dataDir: string
  /** null: the embedded database in `dataDir`. */
  readonly databaseUrl: string | null
}

export interface HouseOptions {
  /** Where to put a CPU profile of each server; null: nowhere. */
  readonly profileDirectory: string | null
  readonly postgresUrl: string | null
}

const scripts = { parley: './server.ts', floor: './floor.ts' } as const

export async function openHouse({ profileDirectory, postgresUrl }: HouseOptions): Promise<House> {
  await using resources = new AsyncDisposableStack()
  const cores = divideCores()
  const upstream = resources.use(await startRemote<UpstreamCommands>('./upstream.ts', { cores: cores.others }))
  const load = resources.use(await startRemote<LoadCommands>('./load.ts', { cores: cores.others }))
  const { origin, grantPort } = await upstream.call('address', undefined)

  async function startServer(system: System, searching?: SearchPlace): Promise<Server & AsyncDisposable> {
    const profiling = [
      '--cpu-prof',
      `--cpu-prof-dir=${profileDirectory}`,
      `--cpu-prof-name=${system}-\${pid}.cpuprofile`,
    ]
    const nodeFlags = ['--expose-gc', ...(profileDirectory === null ? [] : profiling)]
    const remote = await startRemote<ServerCommands>(scripts[system], {
      cores: searching ? null : cores.server,
      nodeFlags,
      args: [origin, ...(searching ? [JSON.stringify(searching)] : [])],
    })
    return {
      system,
      remote,
      url: await remote.call('url', undefined),
      [Symbol.asyncDispose]: () => remote[Symbol.asyncDispose](),
    }
  }

  function unpin(): Disposable {
    const { server, others } = cores
    if (server === null || others === null) return { [Symbol.dispose]: () => {} }
    const move = (to: string) => {
      for (const remote of [upstream, load]) remote.moveTo(to)
    }
    move(`${server},${others}`)
    return { [Symbol.dispose]: () => move(others) }
  }

  const parley = resources.use(await startServer('parley'))
  const floor = resources.use(await startServer('floor'))
  const held = resources.move()
  return {
    parley,
    floor,
    load,
    upstream,
    grantPort,
    cores,
    postgresUrl,
    unpin,
    startServer,
    [Symbol.asyncDispose]: () => held.disposeAsync(),
  }
}
