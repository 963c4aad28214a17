/** A second opinion on one action: the same questions as control asks, answered from plain tables without a line of its code. */
import type { Effect } from '../../src/model/effects.ts'
import type { IdentityKind } from '../../src/model/identities.ts'
import { type AskRule, type GuardRule, type OperationName, operationNames, operations, type RuleBook, type Wanted } from './rule-book.ts'

export interface Being {
  readonly name: string
  readonly kind: IdentityKind
  readonly live: boolean
  readonly contained: boolean
  readonly owner?: string
  readonly roles: readonly string[]
}

export interface Limit {
  readonly oneOf?: readonly string[]
  readonly like?: string
  readonly atLeast?: number
  readonly atMost?: number
}

/** One line of a scope: an operation, or effects on the whole shop. */
export interface Line {
  readonly on?: OperationName
  readonly effects?: readonly Effect[]
  readonly argument?: Limit
  readonly uses?: number
  /** What the operation's argument may come to. */
  readonly sum?: number
  /** So many actions in any ten seconds. */
  readonly rate?: number
}

export interface Lent {
  readonly id: string
  readonly chain: readonly string[]
  readonly lines: readonly Line[]
  readonly task: string
  /** Milliseconds. */
  readonly duration: number
  readonly active: boolean
  readonly endsAt: number
  /** How often each line was used. */
  readonly spent: readonly number[]
  /** What the argument has come to on each line. */
  readonly sums?: readonly number[]
  /** How many milliseconds ago each line was used lately. */
  readonly ago?: readonly (readonly number[])[]
}

export interface Scene {
  readonly beings: ReadonlyMap<string, Being>
  readonly book: RuleBook
  readonly lent: readonly Lent[]
}

export interface Asked {
  readonly chain: readonly string[]
  readonly proofStands: boolean
  readonly grant?: string
  readonly operation: OperationName
  readonly argument?: string | number
  readonly now: number
}

export type Opinion =
  | { readonly outcome: 'deny' }
  | {
      readonly outcome: 'allow' | 'hold'
      readonly grant: string
      readonly line: number
      readonly holds: readonly GuardRule[]
      readonly duties: readonly GuardRule[]
    }

const no: Opinion = { outcome: 'deny' }

export function opine(scene: Scene, asked: Asked): Opinion {
  const chain = beingsOf(scene, asked.chain)
  if (chain === undefined || !asked.proofStands) return no
  const own = scene.lent.filter((each) => each.chain.join() === asked.chain.join() && each.active && asked.now < each.endsAt)
  const choice = own
    .filter((each) => asked.grant === undefined || each.id === asked.grant)
    .map((each) => ({ each, line: carryingLine(each, asked) }))
    .filter(({ line }) => line !== undefined)
    .sort((a, b) => a.each.endsAt - b.each.endsAt || (a.each.id < b.each.id ? -1 : 1))[0]
  if (choice?.line === undefined) return no
  const { each, line } = choice
  if (mayBeGiven(scene, { chain: each.chain, lines: each.lines, task: each.task, duration: each.duration }) === undefined) return no
  const guards = scene.book.guards.filter((guard) => chain.some((being) => isAbout(guard, being, asked.operation, asked.argument)))
  if (guards.some((guard) => guard.hold === undefined && guard.duty === undefined)) return no
  // A guardrail that looks at an argument which is not there cannot be evaluated, and that is a no.
  const broken = scene.book.guards.filter((guard) => guard.argument !== undefined && asked.argument === undefined)
  if (broken.some((guard) => chain.some((being) => isAbout({ ...guard, argument: undefined }, being, asked.operation, undefined))))
    return no
  const [holds, duties] = [guards.filter((guard) => guard.hold !== undefined), guards.filter((guard) => guard.duty !== undefined)]
  return { outcome: holds.length > 0 ? 'hold' : 'allow', grant: each.id, line, holds, duties }
}

/** Everybody in the chain, if all of them may act at all. */
export function beingsOf(scene: Pick<Scene, 'beings'>, chain: readonly string[]): readonly Being[] | undefined {
  const found: Being[] = []
  for (const name of chain) {
    const being = scene.beings.get(name)
    if (being === undefined || !being.live || being.contained) return undefined
    const owner = being.owner === undefined ? undefined : scene.beings.get(being.owner)
    if (being.kind !== 'human' && (owner === undefined || owner.kind !== 'human' || !owner.live || owner.contained)) return undefined
    found.push(being)
  }
  return found.length === 0 ? undefined : found
}

export interface Request {
  readonly chain: readonly string[]
  readonly lines: readonly Line[]
  readonly task: string
  /** Milliseconds; what policy usually gives unless said. */
  readonly duration?: number
}

export interface Price {
  readonly wanted: readonly Wanted[]
  readonly persons: number
  readonly duration: number
  readonly most: number
  readonly tier: number
}

const minute = 60_000
const tierMost = [480, 240, 60, 30]

/** What a request costs, or nothing where it may not be made. */
export function mayBeGiven(scene: Pick<Scene, 'beings' | 'book'>, request: Request): Price | undefined {
  const chain = request.chain.map((name) => scene.beings.get(name))
  const reached = operationNames.filter((name) => request.lines.some((line) => names(line, name)))
  if (reached.length === 0 || request.lines.some((line) => operationNames.every((name) => !names(line, name)))) return undefined
  const rules = new Set<AskRule>()
  for (const operation of reached) {
    for (const being of chain) {
      if (being === undefined) return undefined
      const fitting = scene.book.asks.filter((rule) => asks(rule, being, operation, request.task))
      if (fitting.length === 0) return undefined
      for (const rule of fitting) rules.add(rule)
      const certain = scene.book.guards.filter(
        (guard) => guard.hold === undefined && guard.duty === undefined && guard.argument === undefined,
      )
      if (certain.some((guard) => isAbout(guard, being, operation, undefined))) return undefined
    }
  }
  const all = [...rules]
  const tier = Math.max(...reached.map((name) => operations[name].tier))
  const most = Math.min(tierMost[tier] ?? 0, ...all.map((rule) => rule.most ?? Number.POSITIVE_INFINITY)) * minute
  const usual = Math.min(most, ...all.map((rule) => (rule.usual ?? 30) * minute))
  const duration = request.duration ?? usual
  if (duration > most) return undefined
  return {
    wanted: strictest(all.flatMap((rule) => inOneText(rule.approval ?? []))),
    persons: Math.max(...reached.map(personsFor)),
    duration,
    most,
    tier,
  }
}

function personsFor(name: OperationName): number {
  const { tier, effect }: { readonly tier: number; readonly effect: Effect } = operations[name]
  if (tier < 2) return 0
  return tier === 3 && effect !== 'read' ? 2 : 1
}

/** What one text asks of the same persons more than once adds up: each time wants persons of its own. */
export function inOneText(wanted: readonly Wanted[]): readonly Wanted[] {
  const asked = (from: readonly string[]) => [...from].sort().join()
  return wanted.map(({ from }) => {
    const same = wanted.filter((other) => asked(other.from) === asked(from))
    return { from, count: same.reduce((sum, each) => sum + each.count, 0) }
  })
}

/** Of demands on the same persons the greatest. */
export function strictest(wanted: readonly Wanted[]): readonly Wanted[] {
  const kept: Wanted[] = []
  for (const each of wanted) {
    const key = [...each.from].sort().join()
    const place = kept.findIndex((other) => [...other.from].sort().join() === key)
    const other = kept[place]
    if (other === undefined) kept.push(each)
    else if (other.count < each.count) kept[place] = each
  }
  return kept
}

/** Whether these persons are enough: every way of seating them is tried. */
export function enough(wanted: readonly Wanted[], persons: number, yes: readonly Being[]): boolean {
  const seats = wanted.flatMap(({ count, from }) => Array.from({ length: count }, () => from))
  if (yes.length < Math.max(persons, seats.length)) return false
  const seat = (place: number, left: readonly Being[]): boolean => {
    const from = seats[place]
    if (from === undefined) return true
    return left.some(
      (being) =>
        fits(being, from) &&
        seat(
          place + 1,
          left.filter((other) => other !== being),
        ),
    )
  }
  return seat(0, yes)
}

export function fits(being: Being, from: readonly string[]): boolean {
  return from.some((member) => member === `identity:${being.name}` || being.roles.some((role) => member === `role:${role}`))
}

function asks(rule: AskRule, being: Being, operation: OperationName, task: string): boolean {
  if (!being.roles.includes(rule.role)) return false
  if (rule.on !== undefined && rule.on !== operation) return false
  if (rule.task !== undefined && rule.task !== task) return false
  return rule.effects === undefined || rule.effects.includes(operations[operation].effect)
}

function isAbout(
  guard: Omit<GuardRule, 'argument'> & { readonly argument?: string | undefined },
  being: Being,
  operation: OperationName,
  argument: string | number | undefined,
): boolean {
  if (guard.kind !== undefined && guard.kind !== being.kind) return false
  if (guard.role !== undefined && !being.roles.includes(guard.role)) return false
  if (guard.on !== undefined && guard.on !== operation) return false
  if (guard.on === undefined && guard.effect !== 'any' && guard.effect !== operations[operation].effect) return false
  return guard.argument === undefined || guard.argument === argument
}

export function names(line: Line, operation: OperationName): boolean {
  return line.on === undefined ? line.effects?.includes(operations[operation].effect) === true : line.on === operation
}

function carryingLine(lent: Lent, asked: Asked): number | undefined {
  const fitting = lent.lines.flatMap((line, place) =>
    names(line, asked.operation) && within(line.argument, asked.argument) && (line.sum === undefined || typeof asked.argument === 'number')
      ? [{ line, place }]
      : [],
  )
  const free = fitting.find(({ line }) => line.uses === undefined && line.sum === undefined && line.rate === undefined)
  return (free ?? fitting.find(({ line, place }) => hasRoom(lent, line, place, asked.argument)))?.place
}

function hasRoom(lent: Lent, { uses, sum, rate }: Line, place: number, argument: string | number | undefined): boolean {
  if (uses !== undefined && (lent.spent[place] ?? 0) >= uses) return false
  if (rate !== undefined && (lent.ago?.[place] ?? []).filter((ago) => ago < rateWindow).length >= rate) return false
  const before = lent.sums?.[place] ?? 0
  return sum === undefined || (before < sum && before + Math.max(0, Number(argument)) <= sum)
}

/** Milliseconds. */
export const rateWindow = 10_000

function within(limit: Limit | undefined, value: string | number | undefined): boolean {
  if (limit === undefined) return true
  if (value === undefined) return false
  if (limit.oneOf !== undefined && !limit.oneOf.includes(`${value}`)) return false
  if (limit.like !== undefined && !likeness(limit.like).test(`${value}`)) return false
  if (limit.atLeast !== undefined && !(typeof value === 'number' && value >= limit.atLeast)) return false
  return limit.atMost === undefined || (typeof value === 'number' && value <= limit.atMost)
}

function likeness(pattern: string): RegExp {
  return new RegExp(
    `^${pattern
      .split('*')
      .map((part) => part.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&'))
      .join('.*')}$`,
    's',
  )
}

/** The line as people write it. */
export function lineText(line: Line): string {
  const head = line.on === undefined ? `${(line.effects ?? []).join('|')}:shop` : `shop/${line.on}`
  const name = line.on === undefined ? undefined : operations[line.on].argument
  const { oneOf, like, atLeast, atMost } = line.argument ?? {}
  return [
    head,
    ...(oneOf === undefined ? [] : [`${name}=${oneOf.join('|')}`]),
    ...(like === undefined ? [] : [`${name}~${like}`]),
    ...(atLeast === undefined ? [] : [`${name}>=${atLeast}`]),
    ...(atMost === undefined ? [] : [`${name}<=${atMost}`]),
    ...(line.uses === undefined ? [] : [`uses=${line.uses}`]),
    ...(line.sum === undefined ? [] : [`sum(${name})<=${line.sum}`]),
    ...(line.rate === undefined ? [] : [`rate=${line.rate}/${rateWindow / 1_000}s`]),
  ].join(',')
}
