import type { ToolSource } from '../tool.ts'
import { type BuiltinTool, toolOf } from './builtin-tool.ts'
import { calculator } from './calculator.ts'
import { currentTime } from './current-time.ts'
import { weather } from './weather.ts'

/** Every tool that comes with the server; a new one is a file beside these and a line here. */
export const builtinTools: readonly BuiltinTool[] = [calculator, currentTime, weather]

export function createBuiltinSource(tools: readonly BuiltinTool[] = builtinTools): ToolSource {
  const all = tools.map(toolOf)
  return { tools: async () => all }
}
