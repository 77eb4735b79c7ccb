import { constants } from 'node:fs'
import { access, stat } from 'node:fs/promises'
import { delimiter, join, resolve } from 'node:path'
import { McpError } from './mcp.ts'

/**
 * The absolute path of what a command's name means: a path, relative to `directory`, or a file in one of the directories
 * of `searchPath`. Throws an `McpError` where there is none that may be run.
 */
export async function findCommand(command: string, directory: string, searchPath: string): Promise<string> {
  const isPath = command.includes('/')
  const places = isPath ? [''] : searchPath.split(delimiter).filter((place) => place !== '')
  let denied: string | undefined
  for (const place of places) {
    const path = resolve(directory, join(place, command))
    if (!(await isFile(path))) continue
    if (await isExecutable(path)) return path
    denied ??= path
  }
  if (denied !== undefined) throw new McpError(`command cannot be run: ${denied} is not executable`)
  throw new McpError(`command not found: ${command}`)
}

export async function isDirectory(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isDirectory(),
    () => false,
  )
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (entry) => entry.isFile(),
    () => false,
  )
}

async function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  )
}
