import { percentile } from './measure.ts'
import { modelName, toolCalls, toolMs, toolsModelName } from './prompt.ts'
import type { Row, Scenario } from './scenarios.ts'

const shortAnswer = { tokens: 10, pace: 'saturate' } as const

export const tools: Scenario = {
  name: 'tools',
  title: () =>
    `Tools: the model asks for ${toolCalls} tools of ${toolMs} ms in one step and then answers; from the question to the first token`,
  async run(house, { rounds, firstTokens: { times } }) {
    const withTools = await ask(toolsModelName)
    const without = await ask(modelName)
    const row = (measure: string, parley: number): Row => ({ measure, unit: 'ms', parley, floor: null })
    return [
      row('p50, with the tools', percentile(withTools, 0.5)),
      row('p99, with the tools', percentile(withTools, 0.99)),
      row('p50, without', percentile(without, 0.5)),
      row('the step of the tools, the difference of both', percentile(withTools, 0.5) - percentile(without, 0.5)),
    ]

    async function ask(model: string): Promise<number[]> {
      const { system, url } = house.parley
      await house.load.call('open', { system, url, connections: 2, follow: true, modelId: `openai/${model}` })
      const asking = { prompt: shortAnswer, times: times * rounds, inTurn: true }
      return (await house.load.call('askRepeatedly', asking)).firstTokenMs
    }
  },
}
