import type { ModelConfig } from '../providers/provider-config.ts'
import type { AccountSettings, ProviderSettings } from '../providers/provider-status.ts'
import { builder } from './builder.ts'
import { HealthRef } from './health.ts'

const ConfiguredModelRef = builder.objectRef<ModelConfig>('ConfiguredModel').implement({
  description: 'A model that is known without asking its provider.',
  fields: (t) => ({
    name: t.exposeString('name', { description: "The provider's own name of it." }),
    contextWindow: t.exposeInt('contextWindow', {
      description: 'How many tokens it takes; null where that is not configured.',
      nullable: true,
    }),
  }),
})

const ProviderAccountRef = builder.objectRef<AccountSettings>('ProviderAccount').implement({
  description: "One of several accounts that share a provider's requests, without its key.",
  fields: (t) => ({
    name: t.exposeString('name', { description: 'Its name, or its number from 1.' }),
    weight: t.exposeFloat('weight', { description: 'Its share of the requests beside the others.' }),
    baseUrl: t.exposeString('baseUrl', { description: "Where its API is; null: the provider's.", nullable: true }),
    hasApiKey: t.exposeBoolean('hasApiKey', { description: 'Whether it has a key of its own.' }),
    headerNames: t.field({
      type: ['String'],
      description: 'The headers of its own that it sends.',
      resolve: ({ headerNames }) => [...headerNames],
    }),
    health: t.expose('health', { type: HealthRef, description: 'How it is doing.' }),
    error: t.exposeString('error', { description: 'What last went wrong; null where nothing did.', nullable: true }),
  }),
})

export const ProviderSettingsRef = builder.objectRef<ProviderSettings>('ProviderSettings').implement({
  description: 'How a provider is set up. Keys never come back out, nor do the values of headers.',
  fields: (t) => ({
    baseUrl: t.exposeString('baseUrl', { description: "Where its API is; null: the kind's own.", nullable: true }),
    hasApiKey: t.exposeBoolean('hasApiKey', { description: 'Whether it has a key.' }),
    headerNames: t.field({
      type: ['String'],
      description: 'The headers that it sends with every request.',
      resolve: ({ headerNames }) => [...headerNames],
    }),
    models: t.field({
      type: [ConfiguredModelRef],
      description: 'Models that are known beside those that it lists; the first is its default.',
      resolve: ({ models }) => [...models],
    }),
    accounts: t.field({
      type: [ProviderAccountRef],
      description: 'Its accounts, where it has several.',
      resolve: ({ accounts }) => [...accounts],
    }),
    timeoutMs: t.exposeInt('timeoutMs', { description: "How long the response's headers may take." }),
    idleTimeoutMs: t.exposeInt('idleTimeoutMs', { description: 'How long a response may be silent.' }),
    maxRetries: t.exposeInt('maxRetries', { description: 'How often a request that fails is tried again.' }),
    keepsConversations: t.exposeBoolean('keepsConversations', {
      description: 'Whether the API keeps conversations, where its kind can.',
    }),
  }),
})
