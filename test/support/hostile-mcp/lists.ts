import { type Behaviour, goodInitializeResult, type HostileTool, type Peer, text, tool, toolsOf } from './peer.ts'

const mebibyte = 1024 * 1024

/** A tool that is only listed. */
function listed(name: string, definition: object = {}): HostileTool {
  return tool(name, () => text(`you called ${name}`), definition)
}

function definitions(behaviour: Behaviour): object[] {
  return toolsOf(behaviour).map(({ definition }) => definition)
}

/** Brings the list after a list after a list. */
const changed = { jsonrpc: '2.0', method: 'notifications/tools/list_changed' }

function object(properties: object): object {
  return { inputSchema: { type: 'object', properties } }
}

/** A schema that is nested so deep that what walks through it by recursion overflows its stack. */
function deepSchema(depth: number): object {
  let schema: object = { type: 'object' }
  for (let level = 0; level < depth; level++) schema = { type: 'object', properties: { down: schema } }
  return schema
}

/** A schema with a choice between so many bytes of words. */
function choices(bytes: number): object {
  return { choice: { enum: Array.from({ length: bytes / 16 }, (_, index) => `choice-${index}`.padEnd(13)) } }
}

const oddNames = [
  'n'.repeat(200),
  `${'n'.repeat(200)}!`,
  'with spaces in it',
  'with  spaces  in  it',
  'ünï-cödé 🙂',
  '🙂🙂',
  'double__underscore',
  '__proto__',
  'constructor',
  '-leading',
  '9lives',
  'nul\0name',
  'lone\ud800surrogate',
  'line\nbreak',
  '../../etc/passwd',
  'same',
  'same',
  'Same',
  '',
]

const schemas: readonly HostileTool[] = [
  listed('slow_pattern', object({ text: { type: 'string', pattern: '^(a+)+$' } })),
  listed('slow_keys', {
    inputSchema: { type: 'object', patternProperties: { '^(a|a)*$': { type: 'number' } } },
  }),
  listed('reference_loop', {
    inputSchema: { type: 'object', properties: { a: { $ref: '#/$defs/a' } }, $defs: { a: { $ref: '#/$defs/a' } } },
  }),
  listed('recursive', { inputSchema: { type: 'object', properties: { next: { $ref: '#' } } } }),
  listed('remote_reference', object({ a: { $ref: 'http://127.0.0.1:9/schema.json' } })),
  listed('huge', object(choices(mebibyte))),
  listed('deep', { inputSchema: deepSchema(1_000) }),
  listed('alternatives', {
    inputSchema: {
      type: 'object',
      properties: { value: { $ref: '#/$defs/level0' } },
      $defs: Object.fromEntries(
        Array.from({ length: 40 }, (_, level) => [
          `level${level}`,
          level === 39
            ? false
            : { anyOf: [{ $ref: `#/$defs/level${level + 1}` }, { $ref: `#/$defs/level${level + 1}` }] },
        ]),
      ),
    },
  }),
  listed('no_object', { inputSchema: { type: 'string' } }),
  listed('no_schema', { inputSchema: null }),
  listed('schema_is_list', { inputSchema: [] }),
  listed('not_a_schema', { inputSchema: { type: 'object', properties: 7, required: 'all' } }),
  listed('bad_output_schema', { outputSchema: 'none' }),
]

/** Servers whose lists of tools are a weapon. */
export const listBehaviours: Readonly<Record<string, Behaviour>> = {
  'endless-paging': pages((page) => ({
    tools: [{ ...listed(`tool_${page}`).definition }],
    nextCursor: `page ${page}`,
  })),
  'empty-pages': pages((page) => ({ tools: [], nextCursor: `page ${page}` })),
  'cursor-cycle': {
    list: (request) => {
      const page = request.params?.cursor === 'b' ? 'a' : 'b'
      return { tools: [{ ...listed(`tool_${page}`).definition }], nextCursor: page }
    },
  },
  'many-tools': pages((page) => ({
    tools: Array.from({ length: 1_000 }, (_, index) => listed(`tool_${page}_${index}`).definition),
    ...(page < 99 && { nextCursor: `page ${page}` }),
  })),
  'huge-page': {
    list: () => ({
      tools: Array.from(
        { length: 12 },
        (_, index) => listed(`tool_${index}`, { description: 'd'.repeat(mebibyte) }).definition,
      ),
    }),
  },
  'huge-schema': { list: () => ({ tools: [listed('choose', object(choices(5 * mebibyte))).definition] }) },
  'huge-cursors': pages((page) => ({
    tools: [listed(`tool_${page}`).definition],
    nextCursor: `${page}${'c'.repeat(mebibyte)}`,
  })),
  'no-list': { list: () => undefined },
  'list-is-no-list': { list: () => ({ tools: { echo: {} } }) },
  'list-error': {
    list: ({ id }, peer) => {
      peer.send({ jsonrpc: '2.0', id, error: { code: -32603, message: 'the list is lost' } })
      return undefined
    },
  },
  'odd-entries': {
    list: () => ({ tools: [null, 7, 'echo', [], {}, { name: 7 }, ...definitions({})], nextCursor: null }),
  },
  'odd-names': { tools: oddNames.map((name) => listed(name)) },
  'odd-texts': {
    tools: [
      listed('nul', { title: 'a\0b', description: 'c\0d', inputSchema: { type: 'object', description: 'e\0f' } }),
      listed('surrogate', { title: 'a\ud800b', description: 'c\udfffd' }),
      listed('long_text', { title: 't'.repeat(100_000), description: 'd'.repeat(mebibyte) }),
      {
        ...listed('proto'),
        definition: JSON.parse(
          '{"name":"proto","__proto__":{"polluted":1},"inputSchema":{"type":"object","properties":{"__proto__":{"type":"string"},"constructor":{"type":"string"}}}}',
        ),
      },
      listed('wrong_kinds', { title: 7, description: { text: 'no' }, annotations: 'none', _meta: 3 }),
    ],
  },
  schemas: { tools: schemas },
  'change-storm': {
    tools: [
      tool('storm', (_request, peer) => {
        for (let count = 0; count < 10_000; count++) peer.send(changed)
        return text('10,000 changes')
      }),
    ],
  },
  'change-loop': {
    list(_request, peer) {
      peer.send(changed)
      return { tools: definitions({}) }
    },
  },
  'change-flood-at-start': {
    initialize({ id }, peer) {
      for (let count = 0; count < 10_000; count++) peer.send(changed)
      peer.send({ jsonrpc: '2.0', id, result: goodInitializeResult })
    },
  },
}

/** A list that is made page by page, of which there is always one more unless a page has no `nextCursor`. */
function pages(page: (number: number, peer: Peer) => object): Behaviour {
  return {
    list: ({ params }, peer) =>
      page(
        params?.cursor === undefined ? 0 : Number.parseInt(String(params.cursor).replace('page ', ''), 10) + 1,
        peer,
      ),
  }
}
