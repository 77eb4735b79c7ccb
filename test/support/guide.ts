/** An example of the migration guide: a fenced block. */
export interface Example {
  /** The word behind the fence: `graphql`, `http`, `json`, `yaml`, `env` or `sh`. */
  readonly language: string
  readonly content: string
  /** The word after it: the name of the file that the block shows; null: it shows none. */
  readonly file: string | null
  /** Where its fence stands, from 1. */
  readonly line: number
}

/** What the guide says of one row: it is in a table, has a heading of its own, and examples under that. */
export interface GuideRow {
  readonly id: string
  readonly isInTable: boolean
  readonly hasHeading: boolean
  readonly examples: readonly Example[]
}

/**
 * The rows of `docs/migrating.md`: `| [A4](#a4) | …` in a table, then `### A4` with blocks under it. A row that has only
 * one of the two is listed as well, and so are blocks under no row, as those of the row with the empty id.
 */
export function readGuide(markdown: string): readonly GuideRow[] {
  const rows = new Map<string, { isInTable: boolean; hasHeading: boolean; examples: Example[] }>()
  const rowOf = (id: string) => {
    const row = rows.get(id) ?? { isInTable: false, hasHeading: false, examples: [] }
    rows.set(id, row)
    return row
  }
  let heading = ''
  let open: (Omit<Example, 'content'> & { content: string[] }) | null = null
  for (const [index, text] of markdown.split('\n').entries()) {
    const fence = /^\s*```(\w*)(?: (\S+))?/.exec(text)
    if (open && fence) {
      rowOf(heading).examples.push({ ...open, content: open.content.join('\n') })
      open = null
    } else if (open) open.content.push(text)
    else if (fence) open = { language: fence[1] ?? '', file: fence[2] ?? null, line: index + 1, content: [] }
    else if (text.startsWith('#')) {
      heading = /^### ([A-Z]\d+)$/.exec(text)?.[1] ?? ''
      if (heading !== '') rowOf(heading).hasHeading = true
    } else if (text.startsWith('| [')) {
      const id = /^\| \[([A-Z]\d+)\]\(#([a-z]\d+)\) \|/.exec(text)
      if (id?.[1]?.toLowerCase() !== id?.[2]) throw new Error(`line ${index + 1} links to another row`)
      rowOf(id?.[1] ?? '').isInTable = true
    }
  }
  if (open) throw new Error(`the block that begins in line ${open.line} has no end`)
  return [...rows].map(([id, row]) => ({ id, ...row }))
}
