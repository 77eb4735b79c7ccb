import { appendFileSync } from 'node:fs'
import { type Behaviour, goodInitializeResult, type Message, type Peer, text, tool } from './peer.ts'

const mebibyte = 1024 * 1024

function answer(peer: Peer, { id }: Message, result: unknown): void {
  peer.send({ jsonrpc: '2.0', id, result })
}

/** What a program prints that does not know that its output is a protocol. */
const chatter = [
  'Server listening on port 3000\n',
  '\n',
  '   \r\n',
  'null\n',
  '[]\n',
  '{}\n',
  '42\n',
  '{"jsonrpc":"2.0"}\n',
  '{"jsonrpc":"1.0","id":1,"result":{}}\n',
  '{"unfinished": \n',
  '[1, 2, 3]\n',
]

/** Servers that go wrong before their tools are known. */
export const startBehaviours: Readonly<Record<string, Behaviour>> = {
  'log-lines': {
    start(peer) {
      for (const line of chatter) peer.write(line)
      peer.write(Uint8Array.of(0xff, 0xfe, 0xc3, 0x28, 0x0a))
    },
    tools: [
      tool('chatty', (_request, peer) => {
        for (const line of chatter) peer.write(line)
        return text('said among log lines')
      }),
    ],
  },
  'exit-at-start': {
    start() {
      process.stderr.write('cannot start: DATABASE_FILE is not set\n')
      process.exit(3)
    },
  },
  'crash-loop': {
    start() {
      appendFileSync(process.argv[3] ?? '', 'start\n')
    },
    initialized: () => process.exit(1),
  },
  silent: { initialize: () => {} },
  'wrong-version': {
    initialize: (request, peer) =>
      answer(peer, request, { ...goodInitializeResult, protocolVersion: 'version 9 of something else' }),
  },
  'wrong-shape': {
    initialize: (request, peer) => answer(peer, request, { protocolVersion: 7, capabilities: 'all', serverInfo: [] }),
  },
  'initialize-error': {
    initialize: ({ id }, peer) =>
      peer.send({ jsonrpc: '2.0', id, error: { code: -32603, message: `no licence ${'x'.repeat(mebibyte)}` } }),
  },
  'stderr-flood': {
    start() {
      const line = `${'complaint '.repeat(100)}\n`
      for (let written = 0; written < 20 * mebibyte; written += line.length) process.stderr.write(line)
      process.stderr.write('e'.repeat(5 * mebibyte))
    },
  },
  'stdout-flood': {
    start(peer) {
      const lines = 'this is no message\n'.repeat(10_000)
      for (let written = 0; written < 50 * mebibyte; written += lines.length) peer.write(lines)
    },
  },
  'long-line': {
    start(peer) {
      const part = 'x'.repeat(mebibyte)
      for (let written = 0; written < 50 * mebibyte; written += part.length) peer.write(part)
      peer.write('\n')
    },
  },
}
