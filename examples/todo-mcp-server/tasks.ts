export interface Task {
  /** Such as `task_3`; unique among its owner's. */
  readonly id: string
  readonly title: string
  readonly notes: string | null
  readonly done: boolean
}

/** A refusal that the caller is told. */
export class TaskProblem extends Error {
  override readonly name = 'TaskProblem'
}

export interface TaskLimits {
  readonly users: number
  readonly tasksPerUser: number
}

/** The tasks of all users, in memory: they are gone when the process is. Nothing here takes a task without its owner. */
export class Tasks {
  readonly #limits: TaskLimits
  readonly #lists = new Map<string, { readonly tasks: Map<string, Task>; last: number }>()

  constructor(limits: TaskLimits = { users: 10_000, tasksPerUser: 200 }) {
    this.#limits = limits
  }

  /** In the order in which they were added. */
  list(owner: string): readonly Task[] {
    return [...(this.#lists.get(owner)?.tasks.values() ?? [])]
  }

  /** Throws a `TaskProblem` where there are too many. */
  add(owner: string, { title, notes }: Pick<Task, 'title' | 'notes'>): Task {
    const list = this.#lists.get(owner) ?? { tasks: new Map<string, Task>(), last: 0 }
    if (list.tasks.size >= this.#limits.tasksPerUser)
      throw new TaskProblem(`The list is full: it may have ${this.#limits.tasksPerUser} tasks. Delete some first.`)
    if (!this.#lists.has(owner) && this.#lists.size >= this.#limits.users)
      throw new TaskProblem('This server keeps lists for as many users as it may.')
    list.last += 1
    const task: Task = { id: `task_${list.last}`, title, notes, done: false }
    list.tasks.set(task.id, task)
    this.#lists.set(owner, list)
    return task
  }

  /** What is undefined stays. Throws a `TaskProblem` where there is no such task. */
  change(
    owner: string,
    id: string,
    changes: { readonly [Key in 'title' | 'notes' | 'done']?: Task[Key] | undefined },
  ): Task {
    const task = this.#find(owner, id)
    const { title = task.title, notes = task.notes, done = task.done } = changes
    const changed: Task = { id, title, notes, done }
    this.#lists.get(owner)?.tasks.set(id, changed)
    return changed
  }

  /** Throws a `TaskProblem` where there is no such task. */
  delete(owner: string, id: string): Task {
    const task = this.#find(owner, id)
    this.#lists.get(owner)?.tasks.delete(id)
    return task
  }

  #find(owner: string, id: string): Task {
    const task = this.#lists.get(owner)?.tasks.get(id)
    if (!task) throw new TaskProblem('There is no such task on your list; list_tasks shows those that there are.')
    return task
  }
}
