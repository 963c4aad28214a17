/** What tests of the laws do again and again: ask, start, act, stand at the door. */
import assert from 'node:assert/strict'
import type { Bearer, Call, Decision, Outcome, Verdict } from '../../src/control/ports.ts'
import { type GrantRequest, requestGrant } from '../../src/control/request-grant.ts'
import { activateGrant } from '../../src/control/work-window.ts'
import type { GrantId, HoldId } from '../../src/kernel/ids.ts'
import type { RefusalCode } from '../../src/kernel/refusals.ts'
import { mustBe, type Result } from '../../src/kernel/result.ts'
import type { ArgumentValue } from '../../src/model/actions.ts'
import type { Grant } from '../../src/model/grants.ts'
import { actionOf, materialOf } from './shop.ts'
import type { World } from './world.ts'

export { addPerson, configure } from './configure.ts'

type Given = Readonly<Record<string, ArgumentValue>>

export const minute = 60_000
export const hour = 60 * minute

/** What became of an action that went well. */
export const answered: Outcome = { result: 'answered', status: 200, requestBytes: 0, responseBytes: 0, milliseconds: 1 }
export const notSent: Outcome = { result: 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 1 }

/** Who asks, and who acts for them where somebody does. */
export interface Asking extends Partial<GrantRequest> {
  readonly actor?: string
}

export async function ask(world: World, who: string, scope: readonly string[], { actor, ...more }: Asking = {}): Promise<Result<Grant>> {
  return requestGrant(world.desk, await world.caller(who, actor), { task: 'incident', statement: 'because', scope, ...more })
}

/** A grant at work, for what policy gives without asking anybody. */
export async function atWork(world: World, who: string, scope: readonly string[], asking: Asking = {}): Promise<Grant> {
  const grant = mustBe(await ask(world, who, scope, asking))
  return start(world, who, grant.id, asking.actor)
}

export async function start(world: World, who: string, grant: GrantId, actor?: string): Promise<Grant> {
  return mustBe(await activateGrant(world.desk, await world.caller(who, actor), grant))
}

/** An operation, what it is given, and the body that goes with it. */
type Done = readonly [operation: string, given?: Given, body?: string]

export function callOf(world: World, bearer: Bearer, ...[operation, given = {}, body = '']: Done): Call {
  const action = actionOf(world.desk.facts.service('shop'), operation, given)
  return { bearer, action, material: materialOf(action, body) }
}

/** One action by a fresh token that names this grant. */
export async function act(world: World, who: string, grant: Grant | undefined, ...action: Done): Promise<Verdict> {
  return world.gateway.authorize(callOf(world, await world.bearer(who, grant?.id), ...action))
}

export function allowed(verdict: Verdict): Decision {
  if (verdict.outcome !== 'allow') assert.fail(`${verdict.outcome}: ${'refusal' in verdict ? JSON.stringify(verdict.refusal) : ''}`)
  return verdict.decision
}

export function held(verdict: Verdict): HoldId {
  if (verdict.outcome !== 'held') assert.fail(`${verdict.outcome}: ${'refusal' in verdict ? JSON.stringify(verdict.refusal) : ''}`)
  return verdict.hold
}

export function refusedVerdict(verdict: Verdict, code: RefusalCode): void {
  assert.equal(verdict.outcome === 'deny' ? verdict.refusal.code : verdict.outcome, code)
}

export function refused(result: Result<unknown>, code: RefusalCode): void {
  assert.equal(result.ok ? 'done' : result.refusal.code, code)
}
