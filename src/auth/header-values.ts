import type { RequestFacts } from './request-facts.ts'

/**
 * The values of a header, one for each time that it was sent: Node joins them, or keeps the first, where `headers` is
 * asked. `-` and `_` are two letters here.
 */
export function headerValues({ rawHeaders }: Pick<RequestFacts, 'rawHeaders'>, name: string): readonly string[] {
  const wanted = name.toLowerCase()
  return rawHeaders.flatMap((value, index) => {
    // Names and values take turns.
    return index % 2 === 1 && rawHeaders[index - 1]?.toLowerCase() === wanted ? [value] : []
  })
}
