import { randomInt } from 'node:crypto'
import type { BuiltinTool } from '../../src/tools/builtin/builtin-tool.ts'
import { failure } from '../../src/tools/tool.ts'

export const rollDice: BuiltinTool = {
  name: 'roll_dice',
  title: 'Roll dice',
  description: 'Rolls dice as in 2d6: how many, d, how many sides each. Gives each die and their sum.',
  inputSchema: {
    type: 'object',
    properties: { dice: { type: 'string', pattern: '^\\d{1,2}d\\d{1,3}$', description: 'Such as 2d6.' } },
    required: ['dice'],
    additionalProperties: false,
  },
  // It changes nothing anywhere, so that nobody has to be asked before it runs.
  isReadOnly: true,
  async run({ arguments: { dice } }) {
    const [count = 0, sides = 0] = String(dice).split('d').map(Number)
    if (count === 0 || sides === 0) return failure('There have to be dice, and they have to have sides.')
    const rolled = Array.from({ length: count }, () => randomInt(1, sides + 1))
    const sum = rolled.reduce((total, die) => total + die, 0)
    return { output: `${rolled.join(' + ')} = ${sum}`, result: { rolled, sum }, isError: false }
  },
}
