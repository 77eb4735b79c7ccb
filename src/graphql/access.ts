/**
 * Who may use a root field: `open`, anybody, signed in or not; `reader`, whoever is signed in; `user`, USER and ADMIN;
 * `admin`, ADMIN alone.
 */
export type Access = 'open' | 'reader' | 'user' | 'admin'

export type RootType = 'Query' | 'Mutation' | 'Subscription'

/**
 * Every root field and who may use it: VIEWER reads, USER converses, ADMIN administers. The schema cannot be built while
 * one is missing here. It is decided before anything is looked up, so that a refusal says nothing of what there is; what
 * a field then finds is the caller's own, by the owner in each query.
 */
export const rootAccess = {
  Query: {
    mcpPrompt: 'user',
    mcpResource: 'user',
    mcpServers: 'reader',
    models: 'reader',
    node: 'reader',
    nodes: 'reader',
    pendingApprovals: 'reader',
    pendingElicitations: 'reader',
    personalAccessTokens: 'reader',
    providers: 'reader',
    search: 'reader',
    searchStatus: 'admin',
    server: 'open',
    thread: 'reader',
    threads: 'reader',
    tools: 'reader',
    toolApprovals: 'reader',
    toolGrants: 'reader',
    users: 'admin',
    viewer: 'open',
  },
  Mutation: {
    addProvider: 'admin',
    answerElicitation: 'user',
    cancelRun: 'user',
    clearThread: 'user',
    complete: 'user',
    createPersonalAccessToken: 'user',
    createThread: 'user',
    createUploadTicket: 'user',
    decideToolApproval: 'user',
    deleteAttachment: 'user',
    deleteMyAccount: 'user',
    deleteThread: 'user',
    deleteUser: 'admin',
    editMessage: 'user',
    embed: 'user',
    executeTool: 'user',
    // It gives what its caller may read anyway.
    exportMyData: 'reader',
    login: 'open',
    logout: 'reader',
    purgeThread: 'user',
    refreshSession: 'open',
    reconnectMcpServer: 'admin',
    regenerateMessage: 'user',
    // Open for the first account; it decides itself that ADMIN makes the others.
    register: 'open',
    removeProvider: 'admin',
    restoreThread: 'user',
    revokePersonalAccessToken: 'user',
    revokeToolGrant: 'user',
    sendMessage: 'user',
    setProviderThread: 'user',
    submitToolResult: 'user',
    updateMessage: 'user',
    updateProvider: 'admin',
    updateThread: 'user',
    updateUser: 'admin',
    uploadAttachment: 'user',
  },
  Subscription: {
    completionStream: 'user',
    messageStream: 'reader',
  },
} as const satisfies Readonly<Record<RootType, Readonly<Record<string, Access>>>>

/** Undefined for a field that nobody has decided on. */
export function accessTo(rootType: RootType, field: string): Access | undefined {
  const decisions: Readonly<Record<string, Access>> = rootAccess[rootType]
  return Object.hasOwn(decisions, field) ? decisions[field] : undefined
}
