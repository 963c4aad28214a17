/** What somebody can do, and who can do something, as it is shown: in words that name policies, conditions and whose yes it takes. */
import { formatDuration, formatInstant } from '../kernel/instants.ts'
import { refusals } from '../kernel/refusals.ts'
import type { Can, CanAtDesk, CanOperation } from '../control/can.ts'
import type { Desk } from '../control/desk.ts'
import { describeRequirement } from '../control/rights.ts'
import type { WhoCan, WhoCanAnswer } from '../control/who-can.ts'
import { describeSelector } from '../model/selector.ts'
import type { CanDeskView, CanOperationView, CanView, CouldView, PriceView, UnderView, WhoCanView, WhoView } from '../wire/can.ts'
import { instants, nameOf } from './views.ts'

const underMax = 10

type Doing = CanOperation['doing'][number]
type Asking = CanOperation['asking']
type Price = Asking['prices'][number]
type Condition = Asking['ways'][number]['conditions'][number]
type Speaking = Asking['guarded']['against'][number]

export function canView(desk: Desk, found: Can): CanView {
  const { at, chain, stopped, counts, operations, desk: atDesk, leftOut } = found
  return {
    at: formatInstant(at),
    chain: chain.map((link) => link.name),
    kind: chain[0]?.kind ?? '',
    ...(stopped === undefined ? {} : { stopped: { code: stopped.code, says: refusals[stopped.code].says } }),
    ...counts,
    operations: operations.map((operation) => operationView(desk, operation)),
    desk: atDesk.map(deskView),
    leftOut,
  }
}

function operationView(desk: Desk, { reached, doing, asking }: CanOperation): CanOperationView {
  const { service, route } = reached
  const [best] = doing
  const guarded = best?.guarded ?? asking.guarded
  return {
    operation: `${service.id}/${route.name}`,
    effect: route.effect,
    tier: route.tier,
    now: best?.answer ?? 'no',
    under: doing.slice(0, underMax).map((each) => underView(desk, each)),
    nowIf: (best?.dependsOn ?? []).map(shortName),
    ...couldView(asking),
    held: guarded.holds.map((hold) => ({ policy: hold.policy, by: describeSelector(hold.selector), if: hold.dependsOn.map(shortName) })),
    forbiddenBy: guarded.never,
    unless: guarded.against.map(speakingView),
  }
}

function speakingView({ policy, dependsOn }: Speaking): { readonly policy: string; readonly if: readonly string[] } {
  return { policy, if: dependsOn.map(shortName) }
}

function underView(desk: Desk, { grant }: Doing): UnderView {
  const actsFor = grant.chain.slice(1).map((id) => nameOf(desk, id))
  return {
    grant: grant.id,
    ...(grant.exception === undefined ? {} : { exception: grant.exception }),
    ...(actsFor.length === 0 ? {} : { actsFor }),
    ...instants({ expiresAt: grant.expiresAt }),
  }
}

function couldView({ answer, prices, ways }: Asking): CouldView {
  return {
    could: answer,
    prices: prices.map(priceView),
    conditions: ways
      .filter(({ conditions }) => conditions.length > 0)
      .map(({ policy, conditions }) => ({ policy, if: conditions.map(conditionInWords) })),
  }
}

function priceView({ policies, requirement, duration, durationMax }: Price): PriceView {
  return {
    policies,
    approval: describeRequirement(requirement),
    duration: formatDuration(duration),
    durationMax: formatDuration(durationMax),
  }
}

/** `task.kind: incident | release`. */
function conditionInWords({ name, values }: Condition): string {
  return values.length === 0 ? shortName(name) : `${shortName(name)}: ${values.join(' | ')}`
}

function shortName(name: string): string {
  return name.replace(/^context\./, '')
}

function deskView({ action, right, asking }: CanAtDesk): CanDeskView {
  return {
    action,
    now: right === undefined ? 'no' : 'yes',
    ...(right?.under === undefined ? {} : { under: right.under }),
    ...(asking === undefined ? {} : { could: couldView(asking) }),
  }
}

export function whoCanView(desk: Desk, found: WhoCanAnswer): WhoCanView {
  const { at, operations, who, counts, leftOut, unseen } = found
  return { at: formatInstant(at), operations, who: who.map((each) => whoView(desk, each)), counts, leftOut, unseen }
}

function whoView(desk: Desk, { identity, nearness, operation, doing, right, asking }: WhoCan): WhoView {
  const { name, kind, owner } = identity
  const isNow = doing !== undefined || right !== undefined
  const under = doing?.grant.exception ?? doing?.grant.id ?? right?.under
  const conditions = isNow
    ? (doing?.dependsOn ?? []).map(shortName)
    : (asking?.ways ?? []).flatMap((way) => way.conditions.map(conditionInWords))
  const policies = isNow
    ? [...(doing?.grant.policies ?? []), ...(doing?.guarded.holds.map((hold) => hold.policy) ?? [])]
    : nearness === 'never'
      ? (asking?.guarded.never ?? [])
      : (asking?.ways ?? []).map((way) => way.policy)
  return {
    identity: name,
    kind,
    ...(owner === undefined ? {} : { owner: nameOf(desk, owner) }),
    nearness,
    operation,
    ...(under === undefined ? {} : { under }),
    ...instants({ until: doing?.grant.expiresAt }),
    ...(isNow || asking === undefined ? {} : { approval: approvals(asking) }),
    if: [...new Set(conditions)],
    policies: [...new Set(policies)],
  }
}

function approvals({ prices }: Asking): string {
  return [...new Set(prices.map((price) => describeRequirement(price.requirement)))].join(' or ')
}
