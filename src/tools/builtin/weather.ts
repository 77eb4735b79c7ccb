import type { BuiltinTool } from './builtin-tool.ts'

const conditions = ['clear sky', 'light clouds', 'overcast', 'light rain', 'showers', 'fog', 'light snow'] as const

/** Made up, for demonstrations: the same place always has the same weather. */
export const weather: BuiltinTool = {
  name: 'get_weather',
  title: 'Weather (example data)',
  description:
    'Gives example weather of a place, for demonstrations. The data is made up: say so whenever you tell it to anybody.',
  isReadOnly: true,
  inputSchema: {
    type: 'object',
    properties: {
      city: { type: 'string', minLength: 1, maxLength: 200, description: 'The place, such as Zürich.' },
      unit: {
        type: 'string',
        enum: ['celsius', 'fahrenheit'],
        description: 'Of the temperature; celsius where it is left out.',
      },
    },
    required: ['city'],
    additionalProperties: false,
  },
  async run({ arguments: { city, unit = 'celsius' } }) {
    const place = String(city)
    const seed = [...place.trim().toLowerCase()].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0)
    const condition = conditions[seed % conditions.length] ?? conditions[0]
    const celsius = condition === 'light snow' ? -2 : 8 + (seed % 18)
    const temperature = unit === 'fahrenheit' ? Math.round(celsius * 1.8 + 32) : celsius
    const shown = `${temperature} °${unit === 'fahrenheit' ? 'F' : 'C'}`
    return {
      output: `Example data, not a real observation: ${place}: ${condition}, ${shown}.`,
      result: { city: place, condition, temperature, unit, isExample: true },
      isError: false,
    }
  },
}
