import { failure } from '../tool.ts'
import type { BuiltinTool } from './builtin-tool.ts'

/** The time in a time zone of the IANA database (https://www.iana.org/time-zones). */
export const currentTime: BuiltinTool = {
  name: 'get_current_time',
  title: 'Current time',
  description: 'Tells the current date and time in a time zone.',
  isReadOnly: true,
  inputSchema: {
    type: 'object',
    properties: {
      timeZone: {
        type: 'string',
        minLength: 1,
        maxLength: 100,
        description: 'An IANA time zone, such as Europe/Berlin. UTC where it is left out.',
      },
    },
    additionalProperties: false,
  },
  async run({ arguments: { timeZone = 'UTC' } }) {
    const now = new Date()
    try {
      const format = new Intl.DateTimeFormat('en-GB', {
        timeZone: String(timeZone),
        dateStyle: 'full',
        timeStyle: 'long',
      })
      const local = format.format(now)
      const result = { utc: now.toISOString(), timeZone: format.resolvedOptions().timeZone, local }
      return { output: `${local} (${result.timeZone}; ${result.utc})`, result, isError: false }
    } catch (error) {
      if (!(error instanceof RangeError)) throw error
      return failure(`There is no time zone ${JSON.stringify(timeZone)}; an IANA name is one such as Europe/Berlin.`)
    }
  },
}
