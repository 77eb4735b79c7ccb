import { defineConfig } from 'prisma/config'

// `prisma generate` is the only command that is run, and it needs no schema engine; without this line the command
// line would try to download one. Migrations are written and applied by the engine's WebAssembly build instead.
process.env.PRISMA_SCHEMA_ENGINE_BINARY ??= process.execPath

export default defineConfig({ schema: 'prisma/schema.prisma' })
