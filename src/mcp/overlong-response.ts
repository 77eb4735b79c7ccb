import type { RequestId } from '@modelcontextprotocol/sdk/types.js'

const id = String.raw`"id"\s*:\s*(-?\d{1,15}|"[^"\\]{0,100}")`
const version = String.raw`"jsonrpc"\s*:\s*"2\.0"`

/** As most servers write it: the id before what is long. */
const idFirst = new RegExp(
  String.raw`^\s*\{\s*(?:${version}\s*,\s*${id}|${id}\s*,\s*${version})\s*,\s*"(?:result|error)"`,
)
const resultFirst = new RegExp(String.raw`^\s*\{\s*(?:${version}\s*,\s*)?"(?:result|error)"`)
/** As the TypeScript SDK's servers write it: the id behind. */
const idLast = new RegExp(String.raw`[}\]"el\d]\s*,\s*(?:${version}\s*,\s*)?${id}\s*(?:,\s*${version}\s*)?\}\s*$`)

/** The request that a JSON-RPC response answers of which only both ends are known; null where they do not tell. */
export function overlongResponseId({ head, tail }: { readonly head: string; readonly tail: string }): RequestId | null {
  const found = idFirst.exec(head) ?? (resultFirst.test(head) ? idLast.exec(tail) : null)
  const written = found?.slice(1).find((group) => group !== undefined)
  if (written === undefined) return null
  return written.startsWith('"') ? written.slice(1, -1) : Number(written)
}
