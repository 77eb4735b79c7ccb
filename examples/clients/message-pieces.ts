/** A message as a query or an event selects it; of its calls, whatever is to be shown. */
export interface ShownMessage<Call extends { readonly textOffset: number }> {
  readonly text: string
  /** In the order in which the model asked, as the server gives them. */
  readonly toolCalls: readonly Call[]
}

/** A message's text and its tool calls, in the order in which they were written. */
export function piecesOf<Call extends { readonly textOffset: number }>({
  text,
  toolCalls,
}: ShownMessage<Call>): (string | Call)[] {
  const pieces: (string | Call)[] = []
  let shown = 0
  for (const call of toolCalls) {
    if (call.textOffset > shown) pieces.push(text.slice(shown, call.textOffset))
    pieces.push(call)
    shown = call.textOffset
  }
  if (shown < text.length) pieces.push(text.slice(shown))
  return pieces
}
