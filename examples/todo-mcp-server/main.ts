import { z } from 'zod'
import type { CallerConfig } from './caller.ts'
import { startTodoServer } from './server.ts'

// `npx node examples/todo-mcp-server/main.ts`; README.md says what it takes.

const environment = z
  .object({
    TODO_HOST: z.string().default('127.0.0.1'),
    TODO_PORT: z.coerce.number().int().min(0).max(65_535).default(3333),
    TODO_JWT_SECRET: z.string().min(32).optional(),
    TODO_JWKS_URL: z.url().optional(),
    TODO_ISSUER: z.string().default('parley'),
    TODO_AUDIENCE: z.string().default('parley'),
  })
  .safeParse(process.env)

if (!environment.success) stop(z.prettifyError(environment.error))
const { TODO_HOST: host, TODO_PORT: port, TODO_ISSUER: issuer, TODO_AUDIENCE: audience, ...rest } = environment.data
const server = await startTodoServer({ host, port, issuer, audience, keys: keysOf(rest) })
process.stdout.write(`The to-do server listens on ${server.url}\n`)

for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server[Symbol.asyncDispose]())

function keysOf({
  TODO_JWT_SECRET: secret,
  TODO_JWKS_URL: jwksUrl,
}: {
  TODO_JWT_SECRET?: string | undefined
  TODO_JWKS_URL?: string | undefined
}): CallerConfig['keys'] {
  if (secret !== undefined && jwksUrl === undefined) return { secret }
  if (jwksUrl !== undefined && secret === undefined) return { jwksUrl }
  return stop('Set either TODO_JWT_SECRET or TODO_JWKS_URL: what the tokens of callers are signed with.')
}

function stop(problem: string): never {
  process.stderr.write(`${problem}\n`)
  process.exit(1)
}
