/** Requests of 2026-07-28 by a client that takes tasks, as bytes: official clients cannot read a task's results yet. */
import { bare } from './gateway-house.ts'

export const tasksExtension = 'io.modelcontextprotocol/tasks'

export interface Task {
  readonly taskId: string
  readonly status: string
  readonly statusMessage?: string
  readonly ttlMs?: number
  readonly pollIntervalMs?: number
}

interface CallResult {
  readonly content?: readonly { readonly text?: string }[]
  readonly isError?: boolean
}

export interface Answered {
  readonly result?: Partial<Task> &
    CallResult & {
      readonly resultType?: string
      readonly requestState?: string
      readonly inputRequests?: Readonly<Record<string, unknown>>
      readonly result?: CallResult
      readonly _meta?: { readonly 'remit/refusal'?: { readonly hold?: string } }
    }
  readonly error?: { readonly code: number; readonly message: string; readonly data?: { readonly requiredCapabilities?: unknown } }
}

export type Ask = (method: string, params: object) => Promise<Answered>

/** `declares`: what the client says it can do. */
export function tasking(url: string, token: string, declares: object = { extensions: { [tasksExtension]: {} } }): Ask {
  return async (method, params) => {
    const name = 'taskId' in params ? String(params.taskId) : 'name' in params ? String(params.name) : undefined
    const request = bare(token, method, JSON.stringify(params), name)
    const body = request.body.replace('clientCapabilities":{}', `clientCapabilities":${JSON.stringify(declares)}`)
    const answer = await fetch(url, { ...request, body })
    const text = await answer.text()
    return JSON.parse(text.startsWith('{') ? text : (/^data: (\{.*)$/m.exec(text)?.[1] ?? text)) as Answered
  }
}

export function taskOf({ result, error }: Answered): Task {
  const { taskId, status } = result ?? {}
  if (taskId === undefined || status === undefined) throw new Error(`it is no task: ${JSON.stringify(result ?? error)}`)
  return { ...result, taskId, status }
}

export function statusOf(answered: Answered): string {
  return taskOf(answered).status
}

/** Of the call's own result, wherever it stands. */
export function textOf({ result }: Answered): string {
  return (result?.result ?? result)?.content?.map(({ text = '' }) => text).join('\n') ?? ''
}

/** What a client asks about it with. */
export function handleOf(answered: Answered): { readonly taskId: string } {
  return { taskId: taskOf(answered).taskId }
}
