/** Numbers that look random and are the same for the same seed: mulberry32. */
export class Dice {
  #state: number

  constructor(seed: number) {
    this.#state = seed >>> 0
  }

  /** From 0 up to 1. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296
  }

  /** A whole number from 0 up to `below`. */
  below(below: number): number {
    return Math.floor(this.next() * below)
  }

  pick<Value>(values: readonly Value[]): Value {
    if (values.length === 0) throw new Error('there is nothing to pick from')
    return values[this.below(values.length)] as Value
  }
}

/** Operations that are good, for a fuzzer to spoil. */
const operations = [
  '{ server { version features } viewer { id username } }',
  '{ threads(first: 3, after: "a", filter: { deleted: false, titleContains: "%" }) { totalCount nodes { id title metadata } pageInfo { endCursor } } }',
  '{ node(id: "thread_01") { __typename ... on Thread { id messages(last: 2) { nodes { id text } } } } nodes(ids: ["a", "run_1"]) { id } }',
  '{ models { id provider { id health } } }',
  '{ __schema { types { name fields { name } } } __type(name: "Thread") { kind } }',
  'query Q($id: ID!, $n: Int = 3) { thread(id: $id) { branch(first: $n, leafId: "message_1") { nodes { id role siblings { id } } } usage { totalTokens } } }',
  'mutation { createThread(input: { title: "t", metadata: { a: [1, 2.5, null, true, "x"] } }) { thread { id metadata } } }',
  'mutation M($input: JSON!) { createThread(input: { metadata: $input }) { thread { id } } }',
  'mutation { updateThread(input: { threadId: "thread_1", title: null }) { thread { id } } }',
  'mutation { sendMessage(input: { text: "hello", respond: false, idempotencyKey: "k", whenBusy: REJECT }) { message { id text } streamCursor } }',
  'mutation { cancelRun(input: { runId: "run_1" }) { run { status } } }',
  'mutation { embed(input: { input: ["a", ""] }) { embeddings } }',
  'mutation { setProviderThread(input: { threadId: "thread_1", providerId: "demo", state: { a: 1 } }) { thread { id } } }',
  'subscription S { messageStream(threadId: "thread_1", runId: "run_1", after: "cursor") { __typename cursor ... on TextDelta { text offset } } }',
  'subscription { completionStream(input: { messages: [{ role: USER, text: "hi" }] }) { __typename at } }',
  'query A { __typename } query B { __typename } fragment F on Query { viewer { id } }',
]

const words = [
  '{',
  '}',
  '(',
  ')',
  '[',
  ']',
  ':',
  '$',
  '!',
  '...',
  '@skip(if: true)',
  '@include',
  '"',
  '"""',
  '\\u0000',
  '\\ud800',
  '#',
  '\0',
  '\ufeff',
  '\u2028',
  '💥',
  'null',
  'true',
  '-',
  '1e999',
  '99999999999999999999',
  '__typename',
  'on Thread',
  'fragment F on F { ...F }',
  'input',
  'id',
  'thread_01jd7k2v9r3m8q5x1c4t6w0ybz',
  "' OR 1=1 --",
  '%',
  '_',
  '\\',
  '__proto__',
  'constructor',
  '\r\n',
  ',,,,',
  'é'.repeat(50),
  'query',
] as const

const values: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  2 ** 31,
  1e308,
  Number.MIN_VALUE,
  '',
  'a',
  '\0',
  '\ud800',
  'x'.repeat(5_000),
  [],
  [[]],
  {},
  { a: { b: [null] } },
  ['a', 1],
  { constructor: { prototype: 1 } },
  { length: -1 },
  'thread_01',
  'message_01jd7k2v9r3m8q5x1c4t6w0ybz',
  { toString: 1 },
  [[[[[[[[1]]]]]]]],
]

/** Cuts, doubles, swaps and puts in, a few times. */
export function spoiled(dice: Dice, text: string): string {
  let spoilt = text
  for (let times = dice.below(4); times > 0; times--) {
    const at = dice.below(spoilt.length + 1)
    const length = dice.below(12)
    const [before, cut, after] = [spoilt.slice(0, at), spoilt.slice(at, at + length), spoilt.slice(at + length)]
    switch (dice.below(5)) {
      case 0:
        spoilt = before + after
        break
      case 1:
        spoilt = before + cut.repeat(1 + dice.below(30)) + after
        break
      case 2:
        spoilt = after + cut + before
        break
      case 3:
        spoilt = before + dice.pick(words) + cut + after
        break
      default:
        spoilt = before + String.fromCharCode(dice.below(dice.below(2) === 0 ? 128 : 65_536)) + after
    }
  }
  return spoilt
}

/** The body of an operation, as an object: most are wrong somewhere. */
export function oddOperation(dice: Dice): Record<string, unknown> {
  const body: Record<string, unknown> = { query: spoiled(dice, dice.pick(operations)) }
  if (dice.below(3) === 0) body.variables = { [dice.pick(['id', 'n', 'input', '__proto__'])]: dice.pick(values) }
  if (dice.below(6) === 0) body.operationName = dice.pick(['Q', 'A', 'B', 'nope', '', ...values])
  if (dice.below(12) === 0) body[dice.pick(['query', 'variables', 'extensions', 'id'])] = dice.pick(values)
  return body
}

/** Such a body as JSON, or nearly so. */
export function oddJson(dice: Dice): string {
  const json = JSON.stringify(oddOperation(dice))
  switch (dice.below(8)) {
    case 0:
      return spoiled(dice, json)
    case 1:
      return `[${json},${json}]`
    case 2:
      return JSON.stringify(dice.pick(values)) ?? ''
    default:
      return json
  }
}
