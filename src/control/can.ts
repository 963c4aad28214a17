/** Everything that an identity may do now, could do if it asked, and could do with somebody's yes; what stands at the desk included. */
import type { Instant } from '../kernel/instants.ts'
import { refuse, type Refusal } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Reached } from '../decision/ask.ts'
import { type Asking, couldAsk } from '../decision/could.ts'
import { type Doing, doableNow } from '../decision/could-now.ts'
import { chainStands } from '../decision/facts.ts'
import { deskService } from '../model/desk-service.ts'
import { type DeskAction, deskActions, type Identity } from '../model/identities.ts'
import { needsPersons } from '../model/requirements.ts'
import type { Caller, Desk, DeskRight } from './desk.ts'
import { callerMay, maySee } from './rights.ts'
import { Slices } from './slices.ts'

export interface CanQuestion {
  readonly name: string
  /** For whom it acts: the chain of both. Absent: the identity by itself, and whatever it was granted. */
  readonly actsFor?: string
  readonly service?: string
  /** With what it can neither do nor ask for. */
  readonly all?: boolean
}

export interface CanOperation {
  readonly reached: Reached
  /** The best of them first. */
  readonly doing: readonly Doing[]
  readonly asking: Asking
}

/** One thing to do at Remit's own desk. */
export interface CanAtDesk {
  readonly action: DeskAction
  /** Absent where it may not do it now. */
  readonly right?: DeskRight
  /** Of what is asked for; the rest stands or is not there. */
  readonly asking?: Asking
}

export interface CanCounts {
  readonly now: { readonly yes: number; readonly may: number; readonly held: number }
  readonly could: { readonly yes: number; readonly may: number; readonly withApproval: number; readonly never: number }
  /** What it can neither do nor ask for. */
  readonly nothing: number
}

export interface Can {
  readonly at: Instant
  readonly chain: readonly Identity[]
  /** Why none of it can do anything: a link is disabled, quarantined, or without an owner. */
  readonly stopped?: Refusal
  readonly operations: readonly CanOperation[]
  readonly desk: readonly CanAtDesk[]
  readonly counts: CanCounts
  /** Operations that are not shown, because there are too many. */
  readonly leftOut: number
}

const operationsMax = 1_000

/** For the identity itself, its owner, and whoever may audit; to everybody else it is not there: `not-found`. */
export async function can(desk: Desk, caller: Caller, question: CanQuestion): Promise<Result<Can>> {
  const chain = chainOf(desk, caller, question)
  if (chain === undefined) return refuse('not-found')
  const at = desk.clock.now()
  const services = desk.facts.services().filter(({ id }) => question.service === undefined || id === question.service)
  if (question.service !== undefined && question.service !== deskService.id && services.length === 0)
    return refuse('scope.unknown', { detail: question.service })
  const stands = chainStands(
    desk.facts,
    chain.map((link) => link.id),
  )
  const { rules } = desk.facts
  if (!stands.ok || rules === undefined) {
    const stopped = stands.ok ? refuse('action.forbidden', { detail: 'no policies are in force' }).refusal : stands.refusal
    return done({ at, chain, stopped, operations: [], desk: [], counts: new Tally().counts(), leftOut: 0 })
  }
  const tally = new Tally()
  const shown: CanOperation[] = []
  const slices = new Slices(desk.clock)
  // One picture for all of it: what changes meanwhile shows the next time.
  const picture = { rules, entities: desk.facts.entities }
  const ids = question.actsFor === undefined ? {} : { chain: chain.map((link) => link.id) }
  for (const service of services) {
    for (const route of service.routes) {
      await slices.pause()
      const reached = { service, route }
      const doing = chain[0] === undefined ? [] : doableNow(desk.facts, { actor: chain[0].id, ...ids }, reached, at)
      const operation: CanOperation = { reached, doing, asking: couldAsk(picture, chain, reached) }
      if (tally.add(operation) || question.all === true) shown.push(operation)
    }
  }
  const atDesk = question.service === undefined || question.service === deskService.id ? deskOf(desk, chain) : []
  const operations = shown.slice(0, operationsMax)
  return done({ at, chain, operations, desk: atDesk, counts: tally.counts(), leftOut: shown.length - operations.length })
}

function chainOf(desk: Desk, caller: Caller, { name, actsFor }: CanQuestion): readonly Identity[] | undefined {
  const links = [name, ...(actsFor === undefined ? [] : [actsFor])].map((each) => desk.facts.identityNamed(each))
  const chain = links.filter((link) => link !== undefined)
  return chain.length === links.length && chain.every((link) => maySee(desk, caller, [link.id])) ? chain : undefined
}

function deskOf(desk: Desk, chain: readonly Identity[]): readonly CanAtDesk[] {
  return deskActions.flatMap((action) => {
    const found = atDesk(desk, chain, action)
    return found.right === undefined && (found.asking === undefined || found.asking.answer === 'no') ? [] : [found]
  })
}

/** Whether a chain may do this at the desk as things are, and whether it could ask for it. */
function atDesk(desk: Desk, chain: readonly Identity[], action: DeskAction): CanAtDesk {
  const { rules, entities } = desk.facts
  const allowed = callerMay(desk, { chain }, action)
  const route = deskService.routes.find((each) => each.name === action)
  return {
    action,
    ...(allowed.ok ? { right: allowed.value } : {}),
    ...(rules === undefined || route === undefined
      ? {}
      : { asking: couldAsk({ rules, entities }, chain, { service: deskService, route }) }),
  }
}

class Tally {
  readonly #now = { yes: 0, may: 0, held: 0, no: 0 }
  readonly #could = { yes: 0, may: 0, withApproval: 0, never: 0 }
  #nothing = 0

  /** Answers whether there is anything to say of it. */
  add({ doing, asking }: CanOperation): boolean {
    const answer = doing[0]?.answer ?? 'no'
    this.#now[answer] += 1
    if (asking.answer === 'never') this.#could.never += 1
    else if (asking.answer !== 'no') this.#could[isFree(asking) ? asking.answer : 'withApproval'] += 1
    const isSomething = answer !== 'no' || asking.answer !== 'no'
    if (!isSomething) this.#nothing += 1
    return isSomething
  }

  counts(): CanCounts {
    const { yes, may, held } = this.#now
    return { now: { yes, may, held }, could: { ...this.#could }, nothing: this.#nothing }
  }
}

/** Whether there is a way in which nobody is asked. */
export function isFree({ prices }: Asking): boolean {
  return prices.some((price) => !needsPersons(price.requirement))
}
