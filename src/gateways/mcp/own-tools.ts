/** `remit_eligible`, `remit_request`, `remit_status`, `remit_done`: how an agent asks for what it may do, through the protocol it speaks already. */
import type { Bearer, Clock } from '../../control/ports.ts'
import type { Askable } from '../../control/eligible.ts'
import type { Agent, AgentDesk, AgentGrant } from '../../control/own-tools.ts'
import type { GrantRequest } from '../../control/request-grant.ts'
import { type GrantId, isId } from '../../kernel/ids.ts'
import { parseDuration } from '../../kernel/instants.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../kernel/json.ts'
import { RateLimits } from '../../kernel/rate-limits.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import type { Answering } from './door.ts'
import { quoted } from './envelope.ts'
import { resultBytes } from './joined-messages.ts'
import { listedTools, membersOf, type OwnTool, ownToolOf } from './own-tool-list.ts'
import type { Message } from './ports.ts'

/** Of one chain under one token's grant. */
const perMinuteMax: Readonly<Record<OwnTool, number>> = { eligible: 20, request: 20, status: 60, done: 20 }
const scopeLinesMax = 32
const scopeLineMax = 1_000
const listedMax = 100

export interface OwnToolsInput {
  readonly desk: AgentDesk
  readonly clock: Pick<Clock, 'now'>
}

interface Said {
  readonly text: string
  readonly structuredContent: object
}

export class OwnTools {
  readonly #input: OwnToolsInput
  readonly #rates = new RateLimits()

  constructor(input: OwnToolsInput) {
    this.#input = input
  }

  /** Elements of `tools/list`, after what the server has. */
  listed(bearer: Bearer): readonly Uint8Array[] {
    return listedTools(mayAsk(bearer))
  }

  isCalled({ kind, method, params }: Message): boolean {
    return kind === 'request' && method === 'tools/call' && ownToolOf(params['name']) !== undefined
  }

  /** Answers the call. Refuses what the deed refuses, `input.invalid`, and `rate.exceeded`. */
  async answer(exchange: Answering, { bearer, token, envelope, message }: Asked): Promise<Result<undefined>> {
    const tool = ownToolOf(message.params['name'])
    if (tool === undefined) throw new Error('only our own tools are answered here')
    const { chain } = bearer.claims
    const wait = this.#rates.take(`${tool} ${chain.join(' ')}`, perMinuteMax[tool], this.#input.clock.now())
    if (wait > 0) return refuse('rate.exceeded', { detail: `${Math.ceil(wait / 1_000)}s` })
    const given = readGiven(tool, message.params['arguments'] ?? {})
    if (!given.ok) return given
    const said = await this.#do(tool, { bearer, token }, given.value)
    if (!said.ok) return said
    const { text, structuredContent } = said.value
    const kind = envelope.era === 'stateless' ? { resultType: 'complete' } : {}
    exchange.say(resultBytes(message.id, { ...kind, content: [{ type: 'text', text }], structuredContent }))
    return done(undefined)
  }

  #do(tool: OwnTool, agent: Agent, given: JsonObject): Promise<Result<Said>> {
    switch (tool) {
      case 'eligible':
        return this.#eligible(agent, given)
      case 'request':
        return this.#request(agent, given)
      case 'status':
        return this.#status(agent, given)
      case 'done':
        return this.#done(agent, given)
    }
  }

  async #eligible(agent: Agent, given: JsonObject): Promise<Result<Said>> {
    const task = readText(given, 'task', 64)
    if (!task.ok) return task
    const service = readText(given, 'service', 64)
    if (!service.ok) return service
    const ticket = readText(given, 'ticket', 200)
    if (!ticket.ok) return ticket
    const filter = { ...present('task', task.value), ...present('ticket', ticket.value) }
    const found = await this.#input.desk.eligible(agent, filter)
    if (!found.ok) return found
    const all = found.value.filter(({ resource }) => service.value === undefined || resource.startsWith(`${service.value}/`))
    return done(eligibleSaid(all))
  }

  async #request(agent: Agent, given: JsonObject): Promise<Result<Said>> {
    const request = readRequest(given)
    if (!request.ok) return request
    const asked = await this.#input.desk.request(agent, request.value)
    return asked.ok ? done(grantSaid(asked.value)) : asked
  }

  async #status(agent: Agent, given: JsonObject): Promise<Result<Said>> {
    const id = readGrant(given)
    if (!id.ok) return id
    const grants = await this.#input.desk.status(agent, id.value)
    if (!grants.ok) return grants
    const [only] = grants.value
    if (id.value !== undefined && only !== undefined) return done(grantSaid(only))
    const lines = grants.value.map((grant) => grantText(grant))
    return done({ text: lines.length === 0 ? 'No grant of yours is open.' : lines.join('\n'), structuredContent: { grants: grants.value } })
  }

  async #done(agent: Agent, given: JsonObject): Promise<Result<Said>> {
    const id = readGrant(given)
    if (!id.ok) return id
    if (id.value === undefined) return refuse('input.invalid', { detail: 'grant is missing' })
    const reason = readText(given, 'reason', 500)
    if (!reason.ok) return reason
    const ended = await this.#input.desk.done(agent, id.value, reason.value ?? 'the task is done')
    return ended.ok ? done(grantSaid(ended.value)) : ended
  }
}

/** A token for one grant asks for no other. */
export function mayAsk({ claims }: Bearer): boolean {
  return claims.grant === undefined
}

function readGiven(tool: OwnTool, given: JsonValue): Result<JsonObject> {
  if (!isJsonObject(given)) return refuse('input.invalid', { detail: 'arguments is no object' })
  const known = membersOf(tool)
  const unknown = Object.keys(given).find((name) => !known.includes(name))
  return unknown === undefined
    ? done(given)
    : refuse('input.invalid', { detail: `${quoted(unknown)} is not taken, only ${known.join(', ')}` })
}

function readText(given: JsonObject, name: string, charactersMax: number): Result<string | undefined> {
  const value = given[name]
  if (value === undefined || value === null) return done(undefined)
  return typeof value === 'string' && value.trim() !== '' && value.length <= charactersMax
    ? done(value)
    : refuse('input.invalid', { detail: `${name} is a text of 1 to ${charactersMax} characters` })
}

function readGrant(given: JsonObject): Result<GrantId | undefined> {
  const text = readText(given, 'grant', 64)
  if (!text.ok || text.value === undefined) return text.ok ? done(undefined) : text
  return isId('grn', text.value) ? done(text.value) : refuse('not-found')
}

function readRequest(given: JsonObject): Result<GrantRequest> {
  const task = readText(given, 'task', 64)
  if (!task.ok) return task
  const statement = readText(given, 'statement', 500)
  if (!statement.ok) return statement
  const ticket = readText(given, 'ticket', 200)
  if (!ticket.ok) return ticket
  const lasts = readText(given, 'duration', 16)
  if (!lasts.ok) return lasts
  const duration = lasts.value === undefined ? undefined : parseDuration(lasts.value)
  if (duration?.ok === false) return refuse('input.invalid', { detail: 'duration is written like 90s, 30m, 2h or 1d' })
  const scope = readScope(given)
  if (!scope.ok) return scope
  if (task.value === undefined || statement.value === undefined) return refuse('input.invalid', { detail: 'task and statement are needed' })
  return done({
    task: task.value,
    statement: statement.value,
    scope: scope.value,
    ...present('ticket', ticket.value),
    ...(duration === undefined ? {} : { duration: duration.value }),
  })
}

function readScope({ scope }: JsonObject): Result<readonly string[]> {
  const lines: readonly unknown[] = Array.isArray(scope) ? scope : []
  const texts = lines.flatMap((line) => (typeof line === 'string' && line.length <= scopeLineMax ? [line] : []))
  if (texts.length === lines.length && texts.length > 0 && texts.length <= scopeLinesMax) return done(texts)
  return refuse('input.invalid', { detail: `scope is a list of 1 to ${scopeLinesMax} lines of at most ${scopeLineMax} characters` })
}

function eligibleSaid(all: readonly Askable[]): Said {
  const shown = all.slice(0, listedMax)
  const lines = shown.map(({ resource, effect, task, durationMax, approval }) => {
    return `${resource} (${effect}): task ${task}, at most ${durationMax}, approved by ${approval}`
  })
  if (all.length > shown.length) lines.push(`and ${all.length - shown.length} more: name a service or a task`)
  const listed = shown.map(({ resource, effect, tier, task, durationMax, approval }) => ({
    resource,
    effect,
    tier,
    task,
    durationMax,
    approval,
  }))
  return { text: lines.length === 0 ? 'There is nothing that you may ask for.' : lines.join('\n'), structuredContent: { eligible: listed } }
}

function grantSaid(grant: AgentGrant): Said {
  return { text: grantText(grant), structuredContent: { ...grant } }
}

function grantText({ id, state, task, scope, approval, locked, untrusted, page, expiresAt, ending }: AgentGrant): string {
  const why = untrusted === true ? ', because results were read that anybody may have written' : ''
  const what = `${id} (${task}: ${scope.join('; ')})`
  const named = JSON.stringify({ grant: id })
  switch (state) {
    case 'active':
      return `${what} is active until ${expiresAt ?? 'its end'}. List the tools again, call them, and call remit_done with ${named} when the task is done.`
    case 'requested':
    case 'pending':
      return locked === true
        ? `${what} waits for ${approval}${why}, and nobody who is there can approve it. Tell your user.`
        : `${what} waits for ${approval}${why}. They answer at ${page}. Tell your user, and call remit_status with ${named} later: once approved it begins.`
    case 'approved':
      return `${what} is approved. Call remit_status with ${named} to begin.`
    default:
      return `${what} is ${state}${ending === undefined ? '' : ` (${ending})`}.`
  }
}

function present<K extends string>(name: K, value: string | undefined): { readonly [N in K]?: string } {
  const found: { [N in K]?: string } = {}
  if (value !== undefined) found[name] = value
  return found
}
