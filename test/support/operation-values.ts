/**
 * What an id names: something of a user's, which the isolation matrix tries with other users' ids; or a
 * `model`, a `provider`, an `mcpServer` or a name that its caller chooses (`free`), which are nobody's.
 */
export type Meaning =
  | 'thread'
  | 'message'
  | 'run'
  | 'user'
  | 'accessToken'
  | 'toolCall'
  | 'approval'
  | 'grant'
  | 'attachment'
  | 'model'
  | 'provider'
  | 'mcpServer'
  | 'free'

/** By the argument's or the input field's name, or, where that says too little, by its whole coordinate. */
export const idMeanings: Readonly<Record<string, Meaning>> = {
  accessTokenId: 'accessToken',
  approvalId: 'approval',
  attachmentId: 'attachment',
  attachmentIds: 'attachment',
  grantId: 'grant',
  leafId: 'message',
  messageId: 'message',
  modelId: 'model',
  parentId: 'message',
  providerId: 'provider',
  runId: 'run',
  serverId: 'mcpServer',
  threadId: 'thread',
  toolCallId: 'toolCall',
  userId: 'user',
  'Query.thread.id': 'thread',
  'AddProviderInput.id': 'free',
  // Held in memory while a call runs: test/elicitation-access.test.ts tries whose it is.
  'AnswerElicitationInput.elicitationId': 'free',
  'CompletionMessageInput.toolCallId': 'free',
  'CompletionToolCallInput.id': 'free',
  // The types that are `Node`.
  Attachment: 'attachment',
  Message: 'message',
  Run: 'run',
  Thread: 'thread',
  ToolApproval: 'approval',
  ToolCall: 'toolCall',
  User: 'user',
}

/**
 * What each argument and input field is given that names nothing of a user's: by its coordinate. All that are required are here, and
 * those without which an operation would do nothing.
 */
export const values: Readonly<Record<string, unknown>> = {
  'AddProviderInput.id': 'intruder',
  'AddProviderInput.kind': 'demo',
  'AnswerElicitationInput.action': 'DECLINE',
  'AnswerElicitationInput.elicitationId': 'elicitation_0',
  'CompletionInput.messages': [{ role: 'USER', text: 'Hello' }],
  'CreatePersonalAccessTokenInput.expiresInDays': 1,
  'CreatePersonalAccessTokenInput.name': 'Script',
  'CreatePersonalAccessTokenInput.scope': 'READ',
  'CreateThreadInput.title': 'Taken over',
  'CreateUploadTicketInput.byteSize': 5,
  'CreateUploadTicketInput.filename': 'taken-over.txt',
  'DecideToolApprovalInput.decision': 'APPROVE',
  'DeleteMyAccountInput.confirm': true,
  'EditMessageInput.text': 'Taken over',
  'EmbedInput.input': ['Hello'],
  'Mutation.uploadAttachment.file': new File(['Taken over'], 'taken-over.txt'),
  'Query.mcpPrompt.name': 'greeting',
  'Query.mcpPrompt.serverId': 'files',
  'Query.mcpResource.serverId': 'files',
  'Query.mcpResource.uri': 'file:///notes.txt',
  'Query.search.query': 'canary',
  'ReconnectMcpServerInput.serverId': 'files',
  'ExecuteToolInput.arguments': {},
  'ExecuteToolInput.name': 'get_current_time',
  'LoginInput.password': 'a password that nobody has',
  'LoginInput.username': 'nobody-of-this-name',
  'RefreshSessionInput.refreshToken': 'a token that nobody has',
  'RegisterInput.password': 'a password of a newcomer',
  'RegisterInput.username': 'newcomer',
  'RemoveProviderInput.providerId': 'scripted',
  'SendMessageInput.text': 'Taken over',
  'SetProviderThreadInput.providerId': 'scripted',
  'SetProviderThreadInput.state': { conversation: 'taken-over' },
  'UpdateMessageInput.text': 'Taken over',
  'UpdateProviderInput.providerId': 'scripted',
  'UpdateProviderInput.enabled': false,
  'UpdateThreadInput.title': 'Taken over',
  'UpdateUserInput.role': 'VIEWER',
}
