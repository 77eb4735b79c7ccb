import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { z } from 'zod'
import { type Task, TaskProblem, type Tasks } from './tasks.ts'

const title = z.string().trim().min(1).max(200)
const notes = z.string().max(2_000)
const id = z.string().max(30).describe('The id of a task, such as task_1.')
const task = z.object({ id: z.string(), title: z.string(), notes: z.string().nullable(), done: z.boolean() })

/** An MCP server for one user: none of its tools can reach the tasks of another. */
export function createTodoServer(tasks: Tasks, owner: string): McpServer {
  const server = new McpServer({ name: 'todo', title: 'To-do list', version: '1.0.0' })

  server.registerTool(
    'list_tasks',
    {
      title: 'List tasks',
      description: "Lists the caller's tasks, oldest first.",
      inputSchema: { status: z.enum(['all', 'open', 'done']).default('all').describe('Which of them.') },
      outputSchema: { tasks: z.array(task) },
      annotations: { readOnlyHint: true, openWorldHint: false },
    },
    ({ status }) => {
      const shown = tasks.list(owner).filter(({ done }) => status === 'all' || done === (status === 'done'))
      return result({ tasks: shown })
    },
  )
  server.registerTool(
    'add_task',
    {
      title: 'Add a task',
      description: "Adds a task to the caller's list.",
      inputSchema: { title: title.describe('What is to be done.'), notes: notes.optional().describe('More about it.') },
      outputSchema: { task },
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: false, openWorldHint: false },
    },
    (given) => changed(() => tasks.add(owner, { title: given.title, notes: given.notes ?? null })),
  )
  server.registerTool(
    'complete_task',
    {
      title: 'Complete a task',
      description: 'Marks a task as done.',
      inputSchema: { id },
      outputSchema: { task },
      annotations: { readOnlyHint: false, destructiveHint: false, idempotentHint: true, openWorldHint: false },
    },
    (given) => changed(() => tasks.change(owner, given.id, { done: true })),
  )
  server.registerTool(
    'update_task',
    {
      title: 'Update a task',
      description: 'Changes the words of a task, or opens it again; what is left out stays.',
      inputSchema: { id, title: title.optional(), notes: notes.optional(), done: z.boolean().optional() },
      outputSchema: { task },
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
    },
    (given) => changed(() => tasks.change(owner, given.id, given)),
  )
  server.registerTool(
    'delete_task',
    {
      title: 'Delete a task',
      description: 'Removes a task for good.',
      inputSchema: { id },
      outputSchema: { task },
      annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: false },
    },
    (given) => changed(() => tasks.delete(owner, given.id)),
  )
  return server
}

/** As text for models, and as it is for programs. */
function result(structuredContent: Record<string, unknown>) {
  return { content: [{ type: 'text' as const, text: JSON.stringify(structuredContent) }], structuredContent }
}

function changed(change: () => Task) {
  try {
    return result({ task: change() })
  } catch (error) {
    if (!(error instanceof TaskProblem)) throw error
    return { content: [{ type: 'text' as const, text: error.message }], isError: true }
  }
}
