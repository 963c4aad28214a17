/** Who may have this effect on this resource now, and who could: over all identities, in slices, with a bounded answer. */
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { alikeness } from '../decision/alike.ts'
import type { Reached } from '../decision/ask.ts'
import { type Asking, couldAsk } from '../decision/could.ts'
import { type Doing, doableNow } from '../decision/could-now.ts'
import { chainStands } from '../decision/facts.ts'
import { deskService } from '../model/desk-service.ts'
import { isEffect } from '../model/effects.ts'
import { type DeskAction, deskActions, type Identity } from '../model/identities.ts'
import { isFree } from './can.ts'
import { type Caller, type Desk, type DeskRight, weighAtDesk } from './desk.ts'
import { callerMay, isParty } from './rights.ts'
import { Slices } from './slices.ts'

export interface WhoQuestion {
  /** An effect, `any`, or of the desk an action there. */
  readonly effect: string
  /** `shop`, `shop/restart`, `desk`. */
  readonly resource: string
  /** How many identities are named at most. */
  readonly max: number
}

/** How near somebody is to doing it, the nearest first. `never`: they could ask, and a guardrail would refuse the action. */
export const nearnesses = ['now', 'now-perhaps', 'now-held', 'by-asking', 'with-approval', 'perhaps', 'never'] as const
export type Nearness = (typeof nearnesses)[number]

export interface WhoCan {
  readonly identity: Identity
  readonly nearness: Nearness
  /** Of the operation to which they are nearest. */
  readonly operation: string
  readonly doing?: Doing
  /** At the desk. */
  readonly right?: DeskRight
  readonly asking?: Asking
}

export interface WhoCanAnswer {
  readonly at: Instant
  /** What was asked about. */
  readonly operations: readonly string[]
  readonly who: readonly WhoCan[]
  /** Of everybody whom the caller may see, those who are not named included. */
  readonly counts: Readonly<Record<Nearness, number>>
  readonly leftOut: number
  /** Identities that there was no time to look at. */
  readonly unseen: number
}

const workMax: Milliseconds = 10_000
/** Shorter than usual: one step may take a millisecond or two where a policy is looked at for the first time. */
const sliceMs: Milliseconds = 4

interface Target {
  readonly operation: string
  readonly reached?: Reached
  readonly desk?: DeskAction
}

/**
 * Of those whom the caller may see: themselves, those they own, or everybody for whoever may audit. Each by themselves: what somebody could
 * do acting for another is for `can`. Refuses `scope.unknown` and `scope.empty`.
 */
export async function whoCan(desk: Desk, caller: Caller, question: WhoQuestion): Promise<Result<WhoCanAnswer>> {
  const targets = targetsOf(desk, question)
  if (!targets.ok) return targets
  const at = desk.clock.now()
  const slices = new Slices(desk.clock, sliceMs)
  const isWhole = callerMay(desk, caller, 'audit').ok
  const everybody = [...desk.facts.identities()]
  const identities = isWhole ? everybody : everybody.filter((each) => isParty(desk, caller, [each.id]))
  await slices.pause()
  const search = new Search(desk, targets.value, question.max, at)
  await slices.pause()
  let seen = 0
  for (const identity of identities) {
    if (slices.isOver) await slices.pause()
    if (desk.clock.now() - at > workMax) break
    await search.look(identity, slices)
    seen += 1
  }
  const operations = targets.value.map((target) => target.operation)
  return done({ at, operations, ...search.found(), unseen: identities.length - seen })
}

/** What those who are alike could do by asking, and the operation to which they are nearest. */
interface ByAsking {
  readonly target: Target
  readonly asking: Asking
  readonly nearness: Nearness
}

class Search {
  readonly #desk: Desk
  readonly #targets: readonly Target[]
  readonly #max: number
  readonly #at: Instant
  readonly #likenessOf: (identity: Identity) => string
  readonly #byLikeness = new Map<string, ByAsking | undefined>()
  readonly #deskByLikeness = new Map<string, boolean>()
  /** Who has a grant, or an exception: what they may do is not what those like them may. */
  readonly #lent: ReadonlySet<string>
  readonly #who = new Map<Nearness, WhoCan[]>()
  readonly #counts = { now: 0, 'now-perhaps': 0, 'now-held': 0, 'by-asking': 0, 'with-approval': 0, perhaps: 0, never: 0 }
  readonly #picture: Pick<Desk['facts'], 'rules' | 'entities'>

  constructor(desk: Desk, targets: readonly Target[], max: number, at: Instant) {
    const { rules, entities } = desk.facts
    this.#desk = desk
    this.#targets = targets
    this.#max = max
    this.#at = at
    this.#picture = { rules, entities }
    this.#likenessOf = rules === undefined ? () => '' : alikeness([rules.eligibility, rules.guardrails, rules.desk])
    const actors = [...desk.facts.openGrants()].flatMap((grant) => grant.chain.slice(0, 1))
    this.#lent = new Set([...actors, ...[...desk.facts.exceptions()].map((exception) => exception.identity)])
  }

  async look(identity: Identity, slices: Slices): Promise<void> {
    if (!chainStands(this.#desk.facts, [identity.id]).ok) return
    const likeness = this.#likenessOf(identity)
    if (!this.#byLikeness.has(likeness)) this.#byLikeness.set(likeness, await this.#askingOf(identity, slices))
    const asking = this.#byLikeness.get(likeness)
    const now = this.#nowOf(identity)
    const found = now ?? (asking === undefined ? undefined : { nearness: asking.nearness, operation: asking.target.operation })
    if (found === undefined) return
    this.#counts[found.nearness] += 1
    const alike = this.#who.get(found.nearness) ?? []
    this.#who.set(found.nearness, alike)
    if (alike.length < this.#max) alike.push({ identity, ...found, ...(asking === undefined ? {} : { asking: asking.asking }) })
  }

  found(): Pick<WhoCanAnswer, 'who' | 'counts' | 'leftOut'> {
    const who = nearnesses.flatMap((nearness) => this.#who.get(nearness) ?? []).slice(0, this.#max)
    const all = Object.values(this.#counts).reduce((sum, count) => sum + count, 0)
    return { who, counts: this.#counts, leftOut: all - who.length }
  }

  #nowOf(identity: Identity): Pick<WhoCan, 'nearness' | 'operation' | 'doing' | 'right'> | undefined {
    let best: { readonly nearness: Nearness; readonly operation: string; readonly doing: Doing } | undefined
    for (const { operation, reached, desk } of this.#targets) {
      if (desk !== undefined) {
        const right = this.#rightOf(identity, desk)
        if (right !== undefined) return { nearness: 'now', operation, right }
      } else if (reached !== undefined) {
        const [doing] = this.#lent.has(identity.id) ? doableNow(this.#desk.facts, { actor: identity.id }, reached, this.#at) : []
        const nearness = doing === undefined ? undefined : nearnessOfDoing[doing.answer]
        if (doing === undefined || nearness === undefined) continue
        if (best === undefined || isNearer(nearness, best.nearness)) best = { nearness, operation, doing }
      }
    }
    return best
  }

  /** Policy is asked once for all who are alike; a grant or an exception is looked for where there is one at all. */
  #rightOf(identity: Identity, action: DeskAction): DeskRight | undefined {
    if (this.#lent.has(identity.id)) {
      const allowed = callerMay(this.#desk, { chain: [identity] }, action)
      return allowed.ok ? allowed.value : undefined
    }
    const likeness = `${action}\n${this.#likenessOf(identity)}`
    const known = this.#deskByLikeness.get(likeness)
    if (known !== undefined) return known ? {} : undefined
    const weighed = weighAtDesk(this.#desk, identity, action)
    const isAllowed = weighed.ok && weighed.value
    this.#deskByLikeness.set(likeness, isAllowed)
    return isAllowed ? {} : undefined
  }

  async #askingOf(identity: Identity, slices: Slices): Promise<ByAsking | undefined> {
    const { rules, entities } = this.#picture
    let best: ByAsking | undefined
    for (const target of rules === undefined ? [] : this.#targets) {
      if (rules === undefined || target.reached === undefined) continue
      if (slices.isOver) await slices.pause()
      const asking = couldAsk({ rules, entities }, [identity], target.reached)
      const nearness = nearnessOfAsking(asking)
      if (nearness !== undefined && (best === undefined || isNearer(nearness, best.nearness))) best = { target, asking, nearness }
    }
    return best
  }
}

const nearnessOfDoing: Readonly<Record<Doing['answer'], Nearness | undefined>> = {
  yes: 'now',
  may: 'now-perhaps',
  held: 'now-held',
  no: undefined,
}

function nearnessOfAsking(asking: Asking): Nearness | undefined {
  switch (asking.answer) {
    case 'no':
      return undefined
    case 'never':
      return 'never'
    case 'may':
      return 'perhaps'
    case 'yes':
      return isFree(asking) ? 'by-asking' : 'with-approval'
  }
}

function isNearer(one: Nearness, other: Nearness): boolean {
  return nearnesses.indexOf(one) < nearnesses.indexOf(other)
}

function targetsOf(desk: Desk, { effect, resource }: WhoQuestion): Result<readonly Target[]> {
  const [name = '', operation] = resource.split('/')
  const isAnyEffect = effect === 'any'
  if (name === deskService.id) return deskTargets(effect, operation)
  if (!isAnyEffect && !isEffect(effect)) return refuse('input.invalid', { detail: `${effect} is no effect` })
  const service = desk.facts.service(name)
  const known = service?.routes.filter((route) => operation === undefined || route.name === operation) ?? []
  if (service === undefined || known.length === 0) return refuse('scope.unknown', { detail: resource })
  const routes = known.filter((route) => isAnyEffect || route.effect === effect)
  if (routes.length === 0) return refuse('scope.empty', { detail: `${resource} has nothing that is ${effect}` })
  return done(routes.map((route) => ({ operation: `${service.id}/${route.name}`, reached: { service, route } })))
}

/** At the desk an action there is as good as an effect. */
function deskTargets(effect: string, operation: string | undefined): Result<readonly Target[]> {
  const named = deskActions.filter((action) => operation === undefined || action === operation)
  if (named.length === 0) return refuse('scope.unknown', { detail: `${deskService.id}/${operation ?? ''}` })
  const chosen = named.filter((action) => effect === 'any' || action === effect || routeOf(action)?.effect === effect)
  if (chosen.length === 0) return refuse('scope.empty', { detail: `at the desk there is ${deskActions.join(', ')}` })
  return done(
    chosen.map((action) => {
      const route = routeOf(action)
      const reached = route === undefined ? {} : { reached: { service: deskService, route } }
      return { operation: `${deskService.id}/${action}`, desk: action, ...reached }
    }),
  )
}

function routeOf(action: DeskAction) {
  return deskService.routes.find((route) => route.name === action)
}
