import { beginSpan, percentile } from './measure.ts'
import { modelName } from './prompt.ts'
import type { Row, Scenario } from './scenarios.ts'
import { wires } from './wire.ts'

/** Microseconds a token. */
interface Span {
  readonly cpu: number
  readonly main: number
}

export const kinds: Scenario = {
  name: 'kinds',
  title: ({ saturation: { streams, tokens } }) =>
    `Kinds of provider: as in saturation, ${streams} answers of ${tokens} tokens at once, in each API's own format`,
  async run(house, { rounds, saturation: { streams, tokens } }) {
    const rows: Row[] = []
    for (const { kind } of wires) {
      const spans: Span[] = []
      for (let round = 0; round < rounds; round++) spans.push(await saturate(kind))
      const figure = (read: (span: Span) => number) => percentile(spans.map(read), 0.5)
      rows.push(
        { measure: `${kind}: CPU a token`, unit: 'µs', parley: figure(({ cpu }) => cpu), floor: null },
        { measure: `${kind}: of it in the main thread`, unit: 'µs', parley: figure(({ main }) => main), floor: null },
      )
    }
    return rows

    async function saturate(kind: string): Promise<Span> {
      const { system, url } = house.parley
      await house.load.call('open', { system, url, connections: streams, modelId: `${kind}/${modelName}` })
      const end = await beginSpan(house, house.parley)
      await house.load.call('start', { tokens, pace: 'saturate' })
      await house.load.call('finish', undefined)
      const { cpuMicros, mainThreadCpuMicros } = await end()
      return { cpu: cpuMicros / (streams * tokens), main: mainThreadCpuMicros / (streams * tokens) }
    }
  },
}
