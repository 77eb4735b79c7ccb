import type { Transport, TransportSendOptions } from '@modelcontextprotocol/sdk/shared/transport.js'
import {
  ErrorCode,
  type JSONRPCMessage,
  type JSONRPCNotification,
  type JSONRPCResponse,
  type MessageExtraInfo,
  type RequestId,
} from '@modelcontextprotocol/sdk/types.js'
import { messageOf } from '../platform/errors.ts'
import { Budget } from './budget.ts'

/** What servers may say as often as they like: for the SDK, each would cost more than it is worth. */
export interface NotificationListeners {
  readonly onToolsChanged: () => void
  /** The notification's `params`, of which nobody has looked at anything yet. */
  readonly onLog: (params: Readonly<Record<string, unknown>>) => void
}

/** One that may hold on to something for each request, until it is told that an answer has come. */
export interface SettlingTransport extends Transport {
  settle?(id: RequestId): void
}

/** What a server may ask, whatever it is; more is neither looked at nor answered. */
const questionPace = { burst: 50, perSecond: 20 }

/**
 * Lets through to the client only what it can be glad of: answers to requests that are still waited for, their progress,
 * and a few questions a second. Answers that come twice, late, or to nobody's question are dropped. A request that could
 * not be sent is answered with what went wrong: see `reasonOf`.
 */
export class GuardedTransport implements Transport {
  onclose?: () => void
  onerror?: (error: Error) => void
  onmessage?: <Message extends JSONRPCMessage>(message: Message, extra?: MessageExtraInfo) => void
  readonly #inner: SettlingTransport
  readonly #listeners: NotificationListeners
  readonly #awaited = new Set<RequestId>()
  readonly #questions = new Budget(questionPace)

  constructor(inner: SettlingTransport, listeners: NotificationListeners) {
    this.#inner = inner
    this.#listeners = listeners
    inner.onclose = () => this.onclose?.()
    inner.onerror = (error) => this.onerror?.(error)
    inner.onmessage = (message, extra) => this.#receive(message, extra)
    if (inner.setProtocolVersion) this.setProtocolVersion = (version) => inner.setProtocolVersion?.(version)
  }

  setProtocolVersion?: (version: string) => void

  get sessionId(): string | undefined {
    return this.#inner.sessionId
  }

  start(): Promise<void> {
    return this.#inner.start()
  }

  async send(message: JSONRPCMessage, options?: TransportSendOptions): Promise<void> {
    const isRequest = 'method' in message && 'id' in message
    if (isRequest) this.#awaited.add(message.id)
    else if ('method' in message && message.method === 'notifications/cancelled') this.#forget(message.params)
    try {
      await this.#inner.send(message, options)
    } catch (error) {
      if (!isRequest || !this.#awaited.delete(message.id)) throw error
      // The client forgets a request that was answered, and not one that could not be sent.
      const { id } = message
      const failure = { code: ErrorCode.InternalError, message: messageOf(error), data: error }
      this.onmessage?.({ jsonrpc: '2.0', id, error: failure })
    }
  }

  close(): Promise<void> {
    return this.#inner.close()
  }

  #forget(params: Readonly<Record<string, unknown>> | undefined): void {
    const id = params?.requestId
    if (typeof id === 'string' || typeof id === 'number') this.#awaited.delete(id)
  }

  #receive(message: JSONRPCMessage, extra: MessageExtraInfo | undefined): void {
    if (!('method' in message)) this.#settle(message, extra)
    else if ('id' in message ? this.#questions.trySpend(1) : this.#isWanted(message)) this.onmessage?.(message, extra)
  }

  #settle(response: JSONRPCResponse, extra: MessageExtraInfo | undefined): void {
    if (response.id === undefined || !this.#awaited.delete(response.id)) return
    this.#inner.settle?.(response.id)
    this.onmessage?.('result' in response ? { ...response, result: withoutTask(response.result) } : response, extra)
  }

  #isWanted({ method, params }: JSONRPCNotification): boolean {
    switch (method) {
      case 'notifications/progress': {
        const token = params?.progressToken
        return (typeof token === 'string' || typeof token === 'number') && this.#awaited.has(token)
      }
      case 'notifications/cancelled':
        return true
      case 'notifications/tools/list_changed':
        this.#listeners.onToolsChanged()
        return false
      case 'notifications/message':
        this.#listeners.onLog(params ?? {})
        return false
      default:
        return false
    }
  }
}

/** The client remembers each task that a result names; none was asked for. */
function withoutTask<Result extends object>(result: Result): Result {
  const { task: _, ...rest } = result as Result & { task?: unknown }
  return rest as Result
}
