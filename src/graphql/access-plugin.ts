import SchemaBuilder, { BasePlugin, type PothosOutputFieldConfig, type SchemaTypes } from '@pothos/core'
import { accessTo } from './access.ts'

declare global {
  export namespace PothosSchemaTypes {
    export interface Plugins<Types extends SchemaTypes> {
      access: AccessPlugin<Types>
    }
  }
}

/**
 * Gives each root field the scope that `rootAccess` has for it, beside any that it asks for itself: both must hold. A
 * root field that is not there makes building the schema throw.
 */
export class AccessPlugin<Types extends SchemaTypes> extends BasePlugin<Types> {
  override onOutputFieldConfig(field: PothosOutputFieldConfig<Types>): PothosOutputFieldConfig<Types> {
    const { kind, name, pothosOptions } = field
    if (kind !== 'Query' && kind !== 'Mutation' && kind !== 'Subscription') return field
    const access = accessTo(kind, name)
    if (access === undefined) {
      throw new Error(`${kind}.${name}: nobody has decided who may use it. Add it to \`rootAccess\` in access.ts.`)
    }
    const own: unknown = pothosOptions.authScopes
    if (typeof own === 'function') {
      throw new Error(`${kind}.${name}: what depends on its arguments is decided in its resolver, not in its scopes.`)
    }
    if (access === 'open') return field
    const authScopes = { $all: { [access]: true, ...(own ? { $any: own } : {}) } }
    return { ...field, pothosOptions: { ...pothosOptions, authScopes } } as PothosOutputFieldConfig<Types>
  }
}

SchemaBuilder.registerPlugin('access', AccessPlugin)
