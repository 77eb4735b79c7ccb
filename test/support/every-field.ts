import {
  type GraphQLNamedType,
  type GraphQLSchema,
  getNamedType,
  isAbstractType,
  isInterfaceType,
  isLeafType,
  isObjectType,
  isRequiredArgument,
} from 'graphql'

/**
 * Fragments that select every field of a type, and of the objects below it so many levels deep; fields that need an
 * argument are left out. Each type and level has one fragment, so that the document stays small.
 */
export class EveryField {
  readonly #schema: GraphQLSchema
  readonly #fragments = new Map<string, string>()

  constructor(schema: GraphQLSchema) {
    this.#schema = schema
  }

  /** A spread of the fragment for this type; its text, and that of those it spreads, is in `fragments`. */
  spread(typeName: string, levels: number): string {
    const type = this.#schema.getType(typeName)
    if (!type) throw new Error(`the schema has no type ${typeName}`)
    const name = `${typeName}${levels}`
    if (!this.#fragments.has(name)) {
      // Types refer to each other: reserved first, though with fewer levels nothing comes back to this one.
      this.#fragments.set(name, '')
      this.#fragments.set(name, `fragment ${name} on ${typeName} {\n  ${this.#selection(type, levels).join('\n  ')}\n}`)
    }
    return `...${name}`
  }

  get fragments(): string {
    return [...this.#fragments.values()].join('\n\n')
  }

  #selection(type: GraphQLNamedType, levels: number): string[] {
    const lines = ['__typename']
    if (isObjectType(type) || isInterfaceType(type)) {
      for (const field of Object.values(type.getFields())) {
        const of = getNamedType(field.type)
        if (field.args.some(isRequiredArgument)) continue
        if (isLeafType(of)) lines.push(field.name)
        else if (levels > 0) lines.push(`${field.name} { ${this.spread(of.name, levels - 1)} }`)
      }
    }
    if (isAbstractType(type)) {
      for (const { name } of this.#schema.getPossibleTypes(type)) lines.push(this.spread(name, levels))
    }
    return lines
  }
}
