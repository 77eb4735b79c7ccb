import { setTimeout as sleep } from 'node:timers/promises'
import type { BuiltinTool } from '../src/tools/builtin/builtin-tool.ts'
import { toolMs, toolName } from './prompt.ts'

/** A tool that takes its time, and none of the processor's. */
export const waitTool: BuiltinTool = {
  name: toolName,
  title: 'Wait',
  description: `Waits for ${toolMs} ms.`,
  inputSchema: { type: 'object', properties: {} },
  isReadOnly: true,
  async run(_call, signal) {
    await sleep(toolMs, undefined, { signal })
    return { output: 'waited', result: null, isError: false }
  },
}
