import type { ProviderStatus } from '../providers/provider-status.ts'
import { builder, type InputFields } from './builder.ts'
import { requireAdmin } from './context.ts'
import { ProviderRef } from './provider.ts'

const ConfiguredModelInputRef = builder.inputType('ConfiguredModelInput', {
  description: 'A model that is known without asking its provider.',
  fields: (t) => ({
    name: t.string({ required: true, description: "The provider's own name of it." }),
    contextWindow: t.int({ description: 'How many tokens it takes, input and output together.' }),
  }),
})

const ProviderAccountInputRef = builder.inputType('ProviderAccountInput', {
  description: "One of several accounts that share a provider's requests; what it leaves out is the provider's.",
  fields: (t) => ({
    name: t.string({
      description:
        'What it is called in errors and metrics. In `updateProvider`, an account with the name of one that is there keeps what is left out of it.',
    }),
    baseUrl: t.string({ description: 'Where its API is.' }),
    apiKey: t.string({ description: 'Its key. It never comes back out.' }),
    headers: t.field({
      type: 'JSON',
      description: 'An object of the headers that it sends, all of which are kept secret.',
    }),
    weight: t.float({ description: 'Its share of the requests beside the others; by default 1.' }),
  }),
})

/** What of a provider is set in both inputs. */
const settingFields = (t: InputFields) => ({
  enabled: t.boolean({ description: 'Off: it is not contacted, and its models are refused. By default on.' }),
  baseUrl: t.string({
    description:
      "Its API's address, where that is not the kind's own: http or https, without user, password and query.",
  }),
  apiKey: t.string({ description: 'Its key. It is stored encrypted, and never comes back out.' }),
  headers: t.field({
    type: 'JSON',
    description: 'An object of headers that are sent with every request. Their values are stored as keys are.',
  }),
  models: t.field({
    type: [ConfiguredModelInputRef],
    description: 'Models that are known beside those that it lists; the first is its default.',
  }),
  accounts: t.field({
    type: [ProviderAccountInputRef],
    description: 'Several keys or addresses that share its requests: the whole list.',
  }),
  timeoutMs: t.int({ description: "How long the response's headers may take; by default 60,000." }),
  idleTimeoutMs: t.int({ description: 'How long a response may be silent; by default 60,000.' }),
  maxRetries: t.int({
    description: 'How often a request that fails is tried again, before its answer begins; by default 2.',
  }),
  keepsConversations: t.boolean({
    description: 'For `openai-responses`: OpenAI keeps the conversation, and gets what is new of it only.',
  }),
})

const AddProviderInputRef = builder.inputType('AddProviderInput', {
  description: 'A new provider.',
  fields: (t) => ({
    id: t.id({
      required: true,
      description: "The first part of its models' ids: lower-case letters, digits, - and _; no other provider has it.",
    }),
    kind: t.string({ required: true, description: 'Which API it speaks, such as `openai`.' }),
    ...settingFields(t),
  }),
})

const UpdateProviderInputRef = builder.inputType('UpdateProviderInput', {
  description: 'Changes to a provider: what is left out stays, null clears.',
  fields: (t) => ({
    providerId: t.id({ required: true, description: 'The provider to change: one that was added with `addProvider`.' }),
    kind: t.string({ description: 'Which API it speaks.' }),
    ...settingFields(t),
  }),
})

const RemoveProviderInputRef = builder.inputType('RemoveProviderInput', {
  description: 'Which provider to remove.',
  fields: (t) => ({
    providerId: t.id({ required: true, description: 'One that was added with `addProvider`.' }),
  }),
})

const ProviderPayloadRef = builder.objectRef<{ readonly provider: ProviderStatus }>('ProviderPayload').implement({
  description: 'What became of a provider.',
  fields: (t) => ({
    provider: t.expose('provider', { type: ProviderRef, description: 'As it is now.' }),
  }),
})

const RemoveProviderPayloadRef = builder.objectRef<{ readonly providerId: string }>('RemoveProviderPayload').implement({
  description: 'Which provider is gone.',
  fields: (t) => ({
    providerId: t.exposeID('providerId', { description: 'The id that it had.' }),
  }),
})

builder.mutationFields((t) => ({
  addProvider: t.field({
    type: ProviderPayloadRef,
    description:
      'Adds a provider without a restart; other instances see it within five seconds. For an ADMIN. A key needs `encryptionKey` in the configuration.',
    args: { input: t.arg({ type: AddProviderInputRef, required: true, description: 'What it is to be.' }) },
    resolve: async (_root, { input: { id, ...settings } }, context) => ({
      provider: await context.services.storedProviders.add(requireAdmin(context), id, settings),
    }),
  }),
  updateProvider: t.field({
    type: ProviderPayloadRef,
    description: 'Changes what is given of a provider; answers that it is giving go on as they are. For an ADMIN.',
    args: { input: t.arg({ type: UpdateProviderInputRef, required: true, description: 'What to change.' }) },
    resolve: async (_root, { input: { providerId, ...settings } }, context) => ({
      provider: await context.services.storedProviders.update(requireAdmin(context), providerId, settings),
    }),
  }),
  removeProvider: t.field({
    type: RemoveProviderPayloadRef,
    description: 'Removes a provider with its keys; answers that it is giving go on to their end. For an ADMIN.',
    args: { input: t.arg({ type: RemoveProviderInputRef, required: true, description: 'Which provider.' }) },
    resolve: async (_root, { input: { providerId } }, context) => {
      await context.services.storedProviders.remove(requireAdmin(context), providerId)
      return { providerId }
    },
  }),
}))
