import type { Model, ProviderStatus } from '../providers/registry.ts'
import { builder } from './builder.ts'

const HealthRef = builder.enumType('Health', {
  description: 'How something outside is doing.',
  values: {
    HEALTHY: { description: 'It answers.' },
    DEGRADED: { description: 'It answers, and fails at times.' },
    UNAVAILABLE: { description: 'It does not answer.' },
    UNKNOWN: { description: 'It was not asked yet.' },
  } as const,
})

const ModelRef = builder.objectRef<Model>('Model')

const ProviderRef = builder.objectRef<ProviderStatus>('Provider').implement({
  description: 'A service, or a program, that answers.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Its name in the configuration; the first part of its models' ids." }),
    kind: t.exposeString('kind', { description: 'Which API it speaks, such as `openai`.' }),
    health: t.expose('health', { type: HealthRef, description: 'How it is doing.' }),
    error: t.exposeString('error', { description: 'What last went wrong; null where nothing did.', nullable: true }),
    models: t.field({
      type: [ModelRef],
      description: 'The models that it offers, or those that are configured.',
      resolve: async ({ id }, _args, { services }) => [...(await services.providers.models(id))],
    }),
  }),
})

ModelRef.implement({
  description: "A model. `id` is PROVIDER/MODEL, as in `openai/gpt-4o-mini`; `name` is the provider's own.",
  fields: (t) => ({
    id: t.exposeID('id', { description: 'PROVIDER/MODEL: what goes where a `modelId` is asked for.' }),
    name: t.exposeString('name', { description: "The provider's own name of it." }),
    provider: t.field({
      type: ProviderRef,
      description: 'Who offers it.',
      resolve: ({ providerId }, _args, { services }) => {
        const provider = services.providers.list().find(({ id }) => id === providerId)
        if (!provider) throw new Error(`model of an unknown provider: ${providerId}`)
        return provider
      },
    }),
    isDefault: t.exposeBoolean('isDefault', { description: 'Whether it answers where nobody says which.' }),
    contextWindow: t.exposeInt('contextWindow', {
      description: 'How many tokens it takes, input and output together; null where nobody knows.',
      nullable: true,
    }),
  }),
})

builder.queryFields((t) => ({
  models: t.field({
    type: [ModelRef],
    description: 'The models that can be asked, by provider.',
    args: { providerId: t.arg.id({ description: "Only this provider's." }) },
    resolve: async (_root, { providerId }, { services }) => [
      ...(await services.providers.models(providerId ?? undefined)),
    ],
  }),
  providers: t.field({
    type: [ProviderRef],
    description: 'The providers that are on.',
    resolve: (_root, _args, { services }) => [...services.providers.list()],
  }),
}))
