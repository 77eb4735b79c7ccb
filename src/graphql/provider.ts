import type { ProviderStatus } from '../providers/provider-status.ts'
import type { Model } from '../providers/registry.ts'
import { builder } from './builder.ts'
import { requireAdmin } from './context.ts'
import { HealthRef } from './health.ts'
import { ProviderSettingsRef } from './provider-settings.ts'

const ProviderSourceRef = builder.enumType('ProviderSource', {
  description: 'Where a provider is defined.',
  values: {
    CONFIGURATION: { description: "In the server's configuration, where alone it can be changed." },
    STORED: { description: 'In the database: it was added with `addProvider`.' },
  } as const,
})

const ModelRef = builder.objectRef<Model>('Model')

export const ProviderRef = builder.objectRef<ProviderStatus>('Provider').implement({
  description: 'A service, or a program, that answers.',
  fields: (t) => ({
    id: t.exposeID('id', { description: "Its name in the configuration; the first part of its models' ids." }),
    kind: t.exposeString('kind', { description: 'Which API it speaks, such as `openai`.' }),
    enabled: t.exposeBoolean('enabled', { description: 'Whether it may be asked.' }),
    source: t.expose('source', { type: ProviderSourceRef, description: 'Where it is defined.' }),
    health: t.expose('health', { type: HealthRef, description: 'How it is doing.' }),
    error: t.exposeString('error', { description: 'What last went wrong; null where nothing did.', nullable: true }),
    models: t.field({
      type: [ModelRef],
      description: 'The models that it offers, or those that are configured.',
      resolve: async ({ id }, _args, { services }) => [...(await services.providers.models(id))],
    }),
    settings: t.expose('settings', {
      type: ProviderSettingsRef,
      description: 'How it is set up, without its keys; for an ADMIN.',
      nullable: true,
      authScopes: { admin: true },
    }),
  }),
})

ModelRef.implement({
  description: "A model. `id` is PROVIDER/MODEL, as in `openai/gpt-4o-mini`; `name` is the provider's own.",
  fields: (t) => ({
    id: t.exposeID('id', { description: 'PROVIDER/MODEL: what goes where a `modelId` is asked for.' }),
    name: t.exposeString('name', { description: "The provider's own name of it." }),
    provider: t.expose('provider', { type: ProviderRef, description: 'Who offers it.' }),
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
    args: {
      includeDisabled: t.arg.boolean({
        required: true,
        defaultValue: false,
        description: 'Also those that are off; for an ADMIN.',
      }),
    },
    resolve: (_root, { includeDisabled }, context) => {
      if (includeDisabled) requireAdmin(context)
      return [...context.services.providers.list({ includeDisabled })]
    },
  }),
}))
