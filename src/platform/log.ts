import { type DestinationStream, type Logger, type LoggerOptions, pino, stdSerializers, stdTimeFunctions } from 'pino'
import { prettyFactory } from 'pino-pretty'
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
    hooks: { streamWrite: redactText },
  }
  return redactBindings(pino(options, destinationOf(logFormat, stream)))
}

function destinationOf(format: LogOptions['logFormat'], stream: DestinationStream | undefined): DestinationStream {
  const isTerminal = isTerminalStream(stream ?? process.stdout)
  const target = stream ?? pino.destination({ dest: 1, sync: true })
  if (format === 'json' || (format === 'auto' && !isTerminal)) return target
  // As a stream of its own, pino-pretty would write later than it is told to.
  const print = prettyFactory({ ignore: 'pid,hostname', translateTime: 'SYS:HH:MM:ss.l', colorize: isTerminal })
  return { write: (line) => target.write(print(line)) }
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
  if (typeof value !== 'object' || value === null) return value
  if (depth > maxDepth) return '[…]'
  if (value instanceof Error) return redactEntries(stdSerializers.err(value), depth)
  if (Array.isArray(value)) return value.map((entry) => redactValue(entry, depth + 1))
  if (value instanceof Headers || value instanceof Map) return redactEntries(Object.fromEntries(value), depth)
  if ('toJSON' in value && typeof value.toJSON === 'function') return redactValue(value.toJSON(), depth + 1)
  return redactEntries(value, depth)
}

/** A line without the passwords of URLs and the tokens of authorization headers, wherever they stand. Repetitions are bounded, for lines that are long. */
function redactText(line: string): string {
  return line
    .replaceAll(/([a-z][\w+.-]{0,20}:\/\/[^\s:/?#@"\\]{0,256}:)[^\s/@"\\]{1,1024}@/gi, `$1${hidden}@`)
    .replaceAll(/\b(Bearer|Basic) +[\w\-.~+/]{6,}=*/gi, `$1 ${hidden}`)
}
