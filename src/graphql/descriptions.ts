/** What the relay plugin generates, described and made non-null as far as the contract goes. */
export const connectionDescriptions = {
  nodeTypeOptions: { description: 'Anything that can be fetched by its id alone, with `node`.' },
  idFieldOptions: { description: 'Globally unique, opaque, and the same for ever; ids sort in time.' },
  pageInfoTypeOptions: { description: 'Where a page lies in its list.' },
  hasNextPageFieldOptions: { description: 'Whether there is more after this page.' },
  hasPreviousPageFieldOptions: { description: 'Whether there is more before this page.' },
  startCursorFieldOptions: { description: "The first edge's cursor; null on an empty page." },
  endCursorFieldOptions: { description: "The last edge's cursor; null on an empty page." },
  pageInfoFieldOptions: { description: 'Where this page lies in the list.' },
  cursorFieldOptions: { description: 'Opaque; give it as `after` or `before`.' },
  nodeFieldOptions: { description: 'What the edge leads to.', nullable: false },
  edgesFieldOptions: {
    description: 'The page, each with its cursor.',
    nullable: false,
    // The connection's own multiplier is the size of the page.
    complexity: { field: 1, multiplier: 1 },
  },
  nodesOnConnection: {
    description: 'The page without cursors.',
    complexity: { field: 1, multiplier: 1 },
  },
  firstArgOptions: { description: 'So many from the start: 0 to 100; 20 where neither `first` nor `last` is given.' },
  lastArgOptions: { description: 'So many from the end: 0 to 100. Not together with `first`.' },
  afterArgOptions: { description: 'Only what comes after this cursor.' },
  beforeArgOptions: { description: 'Only what comes before this cursor.' },
  defaultConnectionTypeOptions: { description: 'A page of a list, as the Relay connection specification says.' },
  defaultEdgeTypeOptions: { description: 'One entry of a page.' },
} as const
