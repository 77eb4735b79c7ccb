import { lexicographicSortSchema, printSchema } from 'graphql'
import { createSchema } from '../graphql/schema.ts'
import { type Command, refuseArguments } from './command.ts'

export const schema: Command = {
  async run({ argv, stdout }) {
    refuseArguments(argv)
    stdout.write(`${printSchema(lexicographicSortSchema(createSchema()))}\n`)
    return 0
  },
}
