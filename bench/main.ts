import { parseArgs } from 'node:util'
import { openHouse } from './house.ts'
import { currentLoad, describeMachine, formatSection, type Section } from './report.ts'
import { type Size, scenarios, sizes } from './scenarios.ts'

const usage = `Usage: npm run bench -- [flags]

  --quick          a smoke test: every scenario once, small, in about a minute
  --only NAME      one scenario: ${scenarios.map(({ name }) => name).join(', ')}; may be repeated
  --json           the report as JSON
  --profile DIR    write a CPU profile of each server there
  --postgres URL   of a PostgreSQL where databases may be created: \`search\` is measured there too
`

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    only: { type: 'string', multiple: true },
    json: { type: 'boolean', default: false },
    profile: { type: 'string' },
    postgres: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})

const chosen = scenarios.filter(({ name }) => values.only === undefined || values.only.includes(name))
if (values.help || chosen.length === 0) {
  process.stdout.write(usage)
  process.exit(values.help ? 0 : 2)
}
const size: Size = values.quick ? sizes.quick : sizes.full
const say = (text: string) => {
  if (!values.json) process.stdout.write(text)
}

const machine = describeMachine()
await using house = await openHouse({
  profileDirectory: values.profile ?? null,
  postgresUrl: values.postgres ?? null,
})
const { cores } = house
const pinned =
  cores.server === null ? 'nothing pinned' : `servers on core ${cores.server}, all else on core ${cores.others}`
say(`${machine.processor}, ${machine.cores} cores, ${machine.memoryGiB} GiB; ${machine.system}; Node ${machine.node}; `)
say(`Parley ${machine.commit}; ${pinned}.\n`)
say('CPU is that of the whole process, all threads; of several rounds, the median.\n\n')

const sections: Section[] = []
for (const { name, title, run } of chosen) {
  const rows = await run(house, size)
  const section: Section = { name, title: title(size), rows, load: currentLoad() }
  sections.push(section)
  say(`${formatSection(section)}\n`)
}
if (values.json) process.stdout.write(`${JSON.stringify({ machine, cores, size, sections }, null, 2)}\n`)
