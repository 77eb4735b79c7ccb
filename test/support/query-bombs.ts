/** An operation that is meant to cost a server more than it cost to write. */
export interface QueryBomb {
  readonly name: string
  readonly query: string
  readonly variables?: object
}

const times = (count: number, part: (index: number) => string): string =>
  Array.from({ length: count }, (_, i) => part(i)).join(' ')

/** Each of `count` fragments spreads the next one twice: 2 to the power of `count` fields, written out. */
function doublingFragments(count: number, field: string): string {
  const fragments = times(count, (i) => `fragment F${i} on Query { ...F${i + 1} ...F${i + 1} }`)
  return `{ ...F0 } ${fragments} fragment F${count} on Query { ${field} }`
}

/** Fields of one name, whose selections each have to be compared with all others. */
const overlapping = (count: number) => `{ ${times(count, () => 'server { version }')} }`

/** Operations against Parley's own schema that must be refused, at the limits of the default configuration. */
export const queryBombs: readonly QueryBomb[] = [
  { name: '61 aliases', query: `{ ${times(61, (i) => `a${i}: __typename`)} }` },
  { name: '1,000 aliases', query: `{ ${times(1_000, (i) => `a${i}: __typename`)} }` },
  { name: '50,000 aliases', query: `{ ${times(50_000, (i) => `a${i}: __typename`)} }` },
  {
    name: 'aliases hidden in fragments',
    query: `{ ${times(10, (i) => `...F${i}`)} } ${times(10, (f) => `fragment F${f} on Query { ${times(7, (i) => `a${f}_${i}: __typename`)} }`)}`,
  },
  {
    name: 'depth 16',
    query: `{ thread(id: "x") ${'{ messages { nodes { thread '.repeat(5)} { id } ${'} } }'.repeat(5)} }`,
  },
  { name: 'depth 1,300', query: `{ a ${'{ a '.repeat(1_300)} ${'}'.repeat(1_300)} }` },
  { name: 'depth 100,000', query: '{ a '.repeat(100_000) },
  {
    name: 'depth of a list in an argument',
    query: `{ nodes(ids: ${'['.repeat(1_900)}"x"${']'.repeat(1_900)}) { id } }`,
  },
  {
    name: 'depth of an object in an argument',
    query: `mutation { createThread(input: { metadata: ${'{ a: '.repeat(900)} 1 ${'}'.repeat(900)} }) { thread { id } } }`,
  },
  { name: '41 directives', query: `{ ${times(41, () => '__typename @include(if: true)')} }` },
  { name: '100 directives on one field', query: `{ __typename ${'@skip(if: false) '.repeat(100)} }` },
  { name: '50,000 unknown directives', query: `{ __typename ${'@a '.repeat(50_000)} }` },
  { name: 'a field 3,900 times', query: `{ ${'__typename '.repeat(3_900)} unknown }` },
  { name: 'selections of one name 900 times', query: `${overlapping(900)} fragment F on Unknown { a }` },
  { name: 'arguments to compare 400 times', query: `{ ${times(400, () => 'thread(id: "a") { id }')} unknown }` },
  {
    name: 'fragments to compare with each other',
    query: `{ ${times(300, (i) => `...F${i}`)} } ${times(300, (i) => `fragment F${i} on Query { server { version } }`)} fragment G on Unknown { a }`,
  },
  { name: '1,000,000 tokens', query: `{ ${'a '.repeat(1_000_000)} }` },
  { name: '500,000 braces', query: '{'.repeat(500_000) },
  { name: 'a name of 1,000,000 letters', query: `{ ${'a'.repeat(1_000_000)} }` },
  { name: 'a text that does not end', query: `{ thread(id: "${'a'.repeat(1_000_000)}` },
  { name: 'a fragment that spreads itself', query: '{ ...F } fragment F on Query { __typename ...F }' },
  {
    name: 'a cycle of 100 fragments',
    query: `{ ...F0 } ${times(100, (i) => `fragment F${i} on Query { __typename ...F${(i + 1) % 100} }`)}`,
  },
  { name: 'fragments that double 40 times', query: doublingFragments(40, '__typename') },
  { name: 'fragments that double 40 times, with a list', query: doublingFragments(40, 'threads { nodes { id } }') },
  { name: 'fragments that double 200 times', query: doublingFragments(200, '__typename') },
  {
    name: 'fragments in which each spreads all later ones',
    query: `{ ...F0 } ${times(40, (i) => `fragment F${i} on Query { ${times(40 - i, (j) => `...F${i + j + 1}`)} __typename }`)} fragment F40 on Query { __typename }`,
  },
  {
    name: 'nested introspection',
    query: `{ __schema { types { fields { type { fields { type { fields { type { fields { name } } } } } } } } } }`,
  },
  {
    name: 'nested introspection behind fragments',
    query: `{ __schema { types { ...T } } } fragment T on __Type { fields { type { fields { type { ...U } } } } } fragment U on __Type { fields { type { fields { name } } } }`,
  },
  {
    name: 'lists in lists',
    query: '{ threads(first: 100) { nodes { messages(first: 100) { nodes { siblings { siblings { id } } } } } } }',
  },
  {
    name: 'pages without end',
    query: '{ threads(first: 2147483647) { nodes { messages(first: 2147483647) { nodes { id } } } } }',
  },
  { name: '10,000 unknown fields with arguments', query: `{ ${times(10_000, (i) => `f${i}(a: ${i}): b`)} }` },
  { name: '500 unknown fields', query: `{ ${times(500, (i) => `threada${i}`)} }` },
  { name: '900 operations', query: times(900, (i) => `query Q${i} { a }`) },
]
