import type { AssistantPart } from '../../src/chat/transcript.ts'
import type { ModelEvent } from '../../src/providers/model-event.ts'

/** A turn's events as the parts of a stored message. */
export function partsOf(events: readonly ModelEvent[]): readonly AssistantPart[] {
  const parts: AssistantPart[] = []
  let open = false
  for (const event of events) {
    const last = parts.at(-1)
    if (event.type === 'text-delta' || event.type === 'reasoning-delta') {
      const type = event.type === 'text-delta' ? 'text' : 'reasoning'
      if (open && last?.type === type) parts[parts.length - 1] = { ...last, text: last.text + event.text }
      else parts.push({ type, text: event.text, providerData: null })
      open = true
    } else if (event.type === 'part-finished') {
      const { part: type, providerData } = event
      if (open && last?.type === type) parts[parts.length - 1] = { ...last, providerData }
      else parts.push({ type, text: '', providerData })
      open = false
    } else if (event.type === 'tool-call-requested') {
      const { callId: id, name, arguments: text, providerData } = event
      parts.push({ type: 'tool-call', id, name, arguments: text, providerData })
      open = false
    }
  }
  return parts
}
