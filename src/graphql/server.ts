import { builder } from './builder.ts'
import type { Services } from './context.ts'

const ServerInfoRef = builder.objectRef<Services>('ServerInfo').implement({
  description: 'What this server is and how it is doing. It holds no secrets.',
  fields: (t) => ({
    name: t.string({ description: "The product's name: Parley.", resolve: () => 'Parley' }),
    version: t.exposeString('version', { description: 'As semantic versioning has it.' }),
    startedAt: t.expose('startedAt', { type: 'DateTime', description: 'When this instance started.' }),
    connectedClients: t.int({
      description: 'Open WebSocket connections to this instance.',
      resolve: (services) => services.connectedClients(),
    }),
    features: t.field({
      type: 'JSON',
      description: 'An object that says of each feature, by its name, whether it is on.',
      resolve: ({ features }) => features,
    }),
  }),
})

builder.queryField('server', (t) =>
  t.field({
    type: ServerInfoRef,
    description: 'Version, uptime, which features are on, connected clients. No secrets.',
    resolve: (_root, _args, { services }) => services,
  }),
)
