import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers, stdTimeFunctions } from 'pino'
import pretty from 'pino-pretty'
import type { Config } from './config/schema.ts'

/** A log, or a child of one: `log.child({ runId })` adds its fields to each of its lines. */
export type Log = Logger

export type LogOptions = Pick<Config, 'logLevel' | 'logFormat'>

/**
 * Writes to the stream, standard output where none is given: a line of JSON each, or text for a person. Fields whose
 * name says that they are secret are replaced at any depth, and so are credentials inside texts.
 *
 * Lines are written synchronously: the last one before an exit is not lost.
 */
export function createLog({ logLevel, logFormat }: LogOptions, stream?: DestinationStream): Log {
  const options: LoggerOptions = {
    level: logLevel,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (level) => ({ level }), log: redactFields },
    // Errors are plain objects by then; pino's own serializer would take them for errors of the class Object.
    serializers: { err: (error: unknown) => error },
    hooks: {
      logMethod(values, method) {
        method.apply(this, redactArguments(values) as typeof values)
      },
    },
  }
  return redactBindings(pino(options, destinationOf(logFormat, stream)))
}

function destinationOf(format: LogOptions['logFormat'], stream: DestinationStream | undefined): DestinationStream {
  const isTerminal = isTerminalStream(stream ?? process.stdout)
  if (format === 'json' || (format === 'auto' && !isTerminal))
    return stream ?? pino.destination({ dest: 1, sync: true })
  return pretty({
    sync: true,
    ignore: 'pid,hostname',
    translateTime: 'SYS:HH:MM:ss.l',
    colorize: isTerminal,
    destination: stream ?? 1,
  })
}

function isTerminalStream(stream: object): boolean {
  return 'isTTY' in stream && stream.isTTY === true
}

/** Pino's formatters do not see the fields of a child. */
function redactBindings(log: Log): Log {
  const child = log.child
  log.child = function redactedChild(this: Log, bindings, options) {
    return child.call(this, redactFields(bindings), options)
  } as typeof child
  return log
}

/** What a log method was called with; an error that comes without a message gives its own, which pino would take raw. */
function redactArguments(values: readonly unknown[]): unknown[] {
  const redacted = values.map((value) => (typeof value === 'string' ? redactText(value) : value))
  const [first] = values
  const error = typeof first === 'object' && first !== null && 'err' in first ? first.err : first
  return values.length === 1 && error instanceof Error ? [first, redactText(error.message)] : redacted
}

const secretName =
  /^(.*[-_])?(authorization|cookie|password|passwd|secret|credentials?|api[-_]?key|access[-_]?token|refresh[-_]?token|token|encryption[-_]?key|private[-_]?key|(database|direct|connection)[-_]?(url|string))$|(password|secret|apikey|authtoken|accesstoken|refreshtoken|cookie)$/i

const hidden = '[redacted]'

/** Deeper than this, values are left out: what is logged is small. */
const maxDepth = 8

// Pino's own `redact` needs a path for each name at each depth; with those needed here it takes twenty times as long.
function redactFields(fields: Record<string, unknown>): Record<string, unknown> {
  return redactEntries(fields, 0)
}

function redactEntries(fields: object, depth: number): Record<string, unknown> {
  const redacted: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(fields)) {
    redacted[name] =
      secretName.test(name) && value !== undefined && value !== null ? hidden : redactValue(value, depth + 1)
  }
  return redacted
}

function redactValue(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return '[…]'
  if (value instanceof Error) return redactEntries(stdSerializers.err(value), depth)
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, depth + 1))
  if (value instanceof Headers || value instanceof Map) return redactEntries(Object.fromEntries(value), depth)
  if ('toJSON' in value && typeof value.toJSON === 'function') return redactValue(value.toJSON(), depth + 1)
  return redactEntries(value, depth)
}

/** The password of a URL, and the token of an authorization header. */
function redactText(text: string): string {
  return text
    .replaceAll(/([a-z][\w+.-]*:\/\/[^\s:/?#@]*:)[^\s/@]+@/gi, `$1${hidden}@`)
    .replaceAll(/\b(Bearer|Basic) +[\w\-.~+/]{6,}=*/gi, `$1 ${hidden}`)
}
