import { createInterface } from 'node:readline'
import { callBehaviours } from './calls.ts'
import { listBehaviours } from './lists.ts'
import { type Behaviour, handle, type Message, type Peer } from './peer.ts'
import { startBehaviours } from './starts.ts'

// An MCP server over stdio that does what its first argument names. It is written by hand: what it says need not be MCP.

const behaviours: Readonly<Record<string, Behaviour>> = {
  good: {},
  ...startBehaviours,
  ...listBehaviours,
  ...callBehaviours,
}

const behaviour = behaviours[process.argv[2] ?? '']
if (!behaviour) throw new Error(`no behaviour ${process.argv[2]}`)

const asked = new Map<unknown, (answer: Message) => void>()
const peer: Peer = {
  send: (message) => void process.stdout.write(`${JSON.stringify(message)}\n`),
  // Pipes are written to synchronously.
  write: (bytes) => void process.stdout.write(bytes),
  ask(method, params = {}) {
    const id = `server-${asked.size}`
    return new Promise((resolve) => {
      asked.set(id, resolve)
      peer.send({ jsonrpc: '2.0', id, method, params })
    })
  },
  seen: { methods: {}, cancelled: [], answers: 0 },
}

behaviour.start?.(peer)
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const message: Message = JSON.parse(line)
    const answered = message.method === undefined && asked.get(message.id)
    if (!answered) return handle(behaviour, message, peer)
    peer.seen.answers += 1
    answered(message)
  })
  .on('close', () => process.exit())
