import { once } from 'node:events'
import { connect } from 'node:net'
import { WebSocket } from 'ws'
import { type Dice, oddJson, oddOperation, spoiled } from './fuzzer.ts'

/** What the server said to one request, as far as it was waited for; empty where it said nothing. */
export type OddRequest = (url: string, dice: Dice) => Promise<string>

const types = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=latin1',
  'application/graphql',
  'application/graphql-response+json',
  'application/x-www-form-urlencoded',
  'text/plain',
  'multipart/form-data; boundary=x',
  'multipart/form-data',
  'a/b;;=',
] as const
const accepts = [
  '*/*',
  'application/json',
  'application/graphql-response+json',
  'text/html',
  'image/png',
  ';q',
] as const

/** No answer takes as long, but that of a subscription that was good. */
const patienceMs = 10_000

async function say(url: string, init: RequestInit, isStream = false): Promise<string> {
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), patienceMs)
  try {
    const response = await fetch(url, { ...init, redirect: 'manual', signal: stop.signal })
    const status = `HTTP ${response.status}\n`
    if (!isStream && !response.headers.get('content-type')?.startsWith('text/event-stream'))
      return status + (await response.text())
    // Of a stream, what comes first will do.
    const first = await response.body?.getReader().read()
    return status + new TextDecoder().decode(first?.value)
  } finally {
    clearTimeout(timer)
    stop.abort()
  }
}

function post(url: string, dice: Dice): Promise<string> {
  // Half of them go where they would be understood, were they not spoilt.
  const type = dice.below(2) === 0 ? types[0] : dice.pick(types)
  const headers = { 'content-type': type, accept: dice.pick(accepts), 'x-graphql-yoga-csrf': '1' }
  return say(url, { method: dice.below(20) === 0 ? 'PUT' : 'POST', headers, body: oddJson(dice) })
}

function get(url: string, dice: Dice): Promise<string> {
  const { query, variables, operationName } = oddOperation(dice)
  const parameters = new URLSearchParams({ query: textOf(query).slice(0, 3_000).toWellFormed() })
  if (variables !== undefined)
    parameters.set('variables', spoiled(dice, JSON.stringify(variables) ?? '').slice(0, 3_000))
  if (operationName !== undefined)
    parameters.set('operationName', String(JSON.stringify(operationName)).slice(0, 3_000))
  return say(`${url}?${parameters}`, { headers: { accept: dice.pick(accepts) } })
}

function multipart(url: string, dice: Dice): Promise<string> {
  const part = (name: string, value: string, more = '') =>
    `--x\r\nContent-Disposition: form-data; name="${name}"${more}\r\n\r\n${value}\r\n`
  const body = `${part('operations', oddJson(dice))}${part('map', dice.pick(['{}', '{"0":["variables.input"]}', '{"0":["variables.__proto__.a"]}', '{"0":1}', 'null', '[]']))}${part('0', 'a file', '; filename="a"')}--x--\r\n`
  const headers = { 'content-type': 'multipart/form-data; boundary=x', 'x-graphql-yoga-csrf': '1' }
  return say(url, { method: 'POST', headers, body: dice.below(2) === 0 ? body : spoiled(dice, body) })
}

function eventStream(url: string, dice: Dice): Promise<string> {
  const headers = { 'content-type': 'application/json', accept: 'text/event-stream' }
  return say(url, { method: 'POST', headers, body: oddJson(dice) }, true)
}

/** A connection that says some odd things and goes away, or is sent away. */
async function webSocket(url: string, dice: Dice): Promise<string> {
  const socket = new WebSocket(url.replace('http', 'ws'), dice.below(20) === 0 ? [] : 'graphql-transport-ws')
  let heard = ''
  socket.on('message', (data) => {
    heard += `${data.toString()}\n`
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  await Promise.race([once(socket, 'open').catch(() => {}), closed])
  if (socket.readyState !== WebSocket.OPEN) return heard
  const init = { type: 'connection_init', payload: dice.pick([undefined, null, {}, { authorization: 1 }, []]) }
  if (dice.below(10) > 0) socket.send(JSON.stringify(init))
  for (let frames = 1 + dice.below(4); frames > 0; frames--) {
    const id = dice.pick(['1', '2', '', null, {}])
    const frame = JSON.stringify({
      id,
      type: dice.pick(['subscribe', 'subscribe', 'complete', 'ping', 'pong', 'next', '', 7]),
      payload: oddOperation(dice),
    })
    const text = dice.below(4) === 0 ? spoiled(dice, frame) : frame
    socket.send(dice.below(15) === 0 ? Buffer.from(text, 'utf16le') : text)
  }
  // Frames are read in order: whoever has its answer has had those to the frames before it, but for what takes longer.
  socket.ping()
  await Promise.race([once(socket, 'pong').catch(() => {}), closed])
  socket.terminate()
  await closed
  return heard
}

/** HTTP that is wrong before it is GraphQL. */
async function rawHttp(url: string, dice: Dice): Promise<string> {
  const { hostname, port, pathname, host } = new URL(url)
  const body = oddJson(dice)
  const length = dice.below(4) === 0 ? dice.below(5_000) : Buffer.byteLength(body)
  const request = `${dice.pick(['POST', 'GET', 'HEAD', 'OPTIONS', 'BREW'])} ${pathname}${dice.pick(['', '?query={', '/..', '%00', '?%'])} HTTP/1.1\r\nHost: ${dice.pick([host, '', 'a b'])}\r\nContent-Type: ${dice.pick(types)}\r\nContent-Length: ${length}\r\nConnection: close\r\n${dice.pick(['', 'Upgrade: websocket\r\nConnection: Upgrade\r\n', 'Transfer-Encoding: chunked\r\n', 'X-Request-Id: a b\r\n'])}\r\n${body}`
  const socket = connect(Number(port), hostname)
  let heard = ''
  socket.setEncoding('utf8').on('data', (text) => {
    heard += text
  })
  const closed = new Promise((resolve) => socket.once('close', resolve))
  socket.on('error', () => {})
  // What is cut off is given up by the one who sent it.
  socket.end(dice.below(2) === 0 ? request : spoiled(dice, request))
  const timer = setTimeout(() => socket.destroy(), 150)
  await closed
  clearTimeout(timer)
  return heard
}

export const oddRequests: Readonly<Record<string, OddRequest>> = {
  post,
  get,
  multipart,
  eventStream,
  webSocket,
  rawHttp,
}

/** Some odd values cannot be made a text by `String`. */
function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value) ?? '')
}
