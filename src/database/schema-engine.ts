import { readFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import {
  bindMigrationAwareSqlAdapterFactory,
  type SqlDriverAdapter,
  type SqlMigrationAwareDriverAdapterFactory,
} from '@prisma/driver-adapter-utils'
import * as engineModule from '@prisma/schema-engine-wasm/schema_engine_bg'

export type { MigrationList, SchemaEngine } from '@prisma/schema-engine-wasm/schema_engine_bg'

/** A database that the engine works on, and an empty one that it may do anything with. */
export interface EngineConnections {
  connect(): Promise<SqlDriverAdapter>
  connectToShadow(): Promise<SqlDriverAdapter>
}

const { SchemaEngine, __wbg_set_wasm } = engineModule

let instance: Promise<void> | undefined

/**
 * Prisma's schema engine, in the WebAssembly build that Prisma's own command line uses with driver adapters. It is
 * loaded by hand, since Node imports .wasm files only behind a flag. Dispose of it with `using`.
 */
export async function createSchemaEngine(connections: EngineConnections): Promise<engineModule.SchemaEngine> {
  instance ??= loadEngine()
  await instance
  const factory: SqlMigrationAwareDriverAdapterFactory = {
    provider: 'postgres',
    adapterName: '@prisma/adapter-pg',
    connect: () => connections.connect(),
    connectToShadowDb: () => connections.connectToShadow(),
  }
  const emptySchema: [string, string] = ['schema.prisma', 'datasource db {\n  provider = "postgresql"\n}\n']
  const ignoreLogs = () => {}
  return SchemaEngine.new({ datamodels: [emptySchema] }, ignoreLogs, bindMigrationAwareSqlAdapterFactory(factory))
}

/** The generated glue holds one instance for the whole process, so it is made once. */
async function loadEngine(): Promise<void> {
  const path = createRequire(import.meta.url).resolve('@prisma/schema-engine-wasm/schema_engine_bg')
  const module = await WebAssembly.compile(await readFile(path.replace(/\.js$/, '.wasm')))
  const { exports } = await WebAssembly.instantiate(module, {
    './schema_engine_bg.js': engineModule as WebAssembly.ModuleImports,
  })
  __wbg_set_wasm(exports)
  // Where the engine says what it died of; without it, nobody would learn.
  const registry = {
    set_message: (message: string) => {
      throw new Error(`the schema engine failed: ${message}`)
    },
  }
  Object.assign(globalThis, { PRISMA_WASM_PANIC_REGISTRY: registry })
  const start = exports.__wbindgen_start
  if (typeof start === 'function') start()
}
