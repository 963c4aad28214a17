/** `server/discover` of one server: what it says of itself, and that calls may become tasks here, because those that are held do. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import type { Answering } from './door.ts'
import { spanOf } from './spans.ts'
import { tasksExtension, withMember } from './task-messages.ts'
import { collectFrom, wayTo } from './ways.ts'

/** As the gateway declares it where it speaks for itself. */
export const ownExtensions = { [tasksExtension]: {} }

/** An error of the server passes as it is. */
export async function answerDiscover(exchange: Answering, asked: Asked): Promise<Result<undefined>> {
  const { door } = exchange
  const way = wayTo(door, asked, asked.served.service.id)
  if (!way.ok) return way
  const collected = await collectFrom(door, asked, { ...way.value, message: asked.message })
  if (!collected.ok) return collected
  const { response, status } = collected.value
  if (response === undefined) return refuse('upstream.malformed', { detail: `it answered server/discover with status ${status}` })
  const body = response.error === undefined ? withTasks(response.bytes) : response.bytes
  const headers = [
    ['Content-Type', 'application/json'],
    ['Cache-Control', 'no-store'],
  ] as const
  exchange.answer.whole(status, headers, body)
  return done(undefined)
}

/** One member more; every other byte as it came. */
export function withTasks(response: Uint8Array): Uint8Array {
  const capabilities = ['result', 'capabilities']
  const extensions = [...capabilities, 'extensions']
  const own = `${JSON.stringify(tasksExtension)}:{}`
  if (spanOf(response, [...extensions, tasksExtension]) !== undefined) return response
  if (spanOf(response, extensions) !== undefined) return Buffer.from(withMember(response, extensions, own))
  return Buffer.from(withMember(response, capabilities, `"extensions":{${own}}`))
}
