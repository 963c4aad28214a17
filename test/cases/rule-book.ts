/** Policies as a table that a reader sees through, and the Cedar text that says the same. */
import type { Effect, Tier } from '../../src/model/effects.ts'
import type { IdentityKind } from '../../src/model/identities.ts'

/** Everything that can be done at the shop of these tests, with the tier worked out by hand. */
export const operations = {
  look: {
    method: 'GET',
    path: '/incidents',
    effect: 'read',
    tier: 0,
    impact: { data: 'low', service: 'none', safety: 'none' },
    argument: undefined,
  },
  books: {
    method: 'GET',
    path: '/books',
    effect: 'read',
    tier: 2,
    impact: { data: 'high', service: 'none', safety: 'none' },
    argument: undefined,
  },
  note: {
    method: 'PUT',
    path: '/notes',
    effect: 'write',
    tier: 0,
    impact: { data: 'low', service: 'none', safety: 'none' },
    argument: undefined,
  },
  restart: {
    method: 'POST',
    path: '/services/{service}/restart',
    effect: 'execute',
    tier: 1,
    impact: { data: 'none', service: 'moderate', safety: 'none' },
    argument: 'service',
  },
  deploy: {
    method: 'POST',
    path: '/deployments/{version}',
    effect: 'write',
    tier: 1,
    impact: { data: 'low', service: 'moderate', safety: 'none' },
    argument: 'version',
  },
  refund: {
    method: 'POST',
    path: '/refunds',
    effect: 'execute',
    tier: 2,
    impact: { data: 'high', service: 'low', safety: 'none' },
    argument: 'amount',
  },
  wipe: {
    method: 'DELETE',
    path: '/data',
    effect: 'administer',
    tier: 3,
    impact: { data: 'critical', service: 'low', safety: 'none' },
    argument: undefined,
  },
} as const satisfies Readonly<Record<string, Operation>>

interface Operation {
  readonly method: string
  readonly path: string
  readonly effect: Effect
  readonly tier: Tier
  readonly impact: { readonly data: string; readonly service: string; readonly safety: string }
  readonly argument: string | undefined
}

export type OperationName = keyof typeof operations
export const operationNames: readonly OperationName[] = ['look', 'books', 'note', 'restart', 'deploy', 'refund', 'wipe']

/** The shop in a configuration document. */
export const shopService = {
  name: 'shop',
  upstream: 'http://127.0.0.1:9',
  environment: 'prod',
  impact: { data: 'low', service: 'low', safety: 'none' },
  routes: operationNames.map((name) => {
    const { method, path, effect, impact } = operations[name]
    const given = name === 'refund' ? { arguments: [{ name: 'amount', in: 'body', type: 'long', required: true }] } : {}
    return { name, method, path, effect, impact, ...given }
  }),
}

/** So many distinct persons out of these, written `role:x` or `identity:y`. */
export interface Wanted {
  readonly count: number
  readonly from: readonly string[]
}

/** Who may ask. */
export interface AskRule {
  readonly id: string
  readonly role: string
  /** One operation; the whole shop unless said. */
  readonly on?: OperationName
  readonly task?: string
  readonly effects?: readonly Effect[]
  readonly approval?: readonly Wanted[]
  /** Minutes. */
  readonly usual?: number
  readonly most?: number
}

/** What is forbidden, or held until these persons say yes. */
export interface GuardRule {
  readonly id: string
  /** Everybody unless said. */
  readonly kind?: IdentityKind
  readonly role?: string
  readonly effect?: Effect | 'any'
  readonly on?: OperationName
  /** Only when the operation's one text argument is this. */
  readonly argument?: string
  readonly hold?: readonly Wanted[]
  /** How firmly it must be recorded; a guard that says so, or holds, does not forbid. */
  readonly duty?: 'written' | 'durable'
}

export interface RuleBook {
  readonly asks: readonly AskRule[]
  readonly guards: readonly GuardRule[]
}

const cedarKinds: Readonly<Partial<Record<IdentityKind, string>>> = {
  human: 'Human',
  'ai-agent': 'AiAgent',
  'service-account': 'ServiceAccount',
}

export function selectorText(wanted: readonly Wanted[]): string {
  return wanted.map(({ count, from }) => `${count === 1 ? '' : `${count} of `}${from.join(' | ')}`).join(', ')
}

export function cedarText(book: RuleBook): string {
  return [...book.asks.map(askText), ...book.guards.map(guardText)].join('\n')
}

function askText(rule: AskRule): string {
  const terms = [
    `@id("${rule.id}")`,
    ...(rule.approval === undefined ? [] : [`@approval("${selectorText(rule.approval)}")`]),
    ...(rule.usual === undefined ? [] : [`@duration("${rule.usual}m")`]),
    ...(rule.most === undefined ? [] : [`@maxDuration("${rule.most}m")`]),
  ]
  const resource = rule.on === undefined ? 'resource in Service::"shop"' : `resource == Route::"shop/${rule.on}"`
  const conditions = [
    ...(rule.task === undefined ? [] : [`context.task.kind == "${rule.task}"`]),
    ...(rule.effects === undefined ? [] : [`context.effects.containsAny([${rule.effects.map((effect) => `"${effect}"`).join(', ')}])`]),
  ]
  const when = conditions.length === 0 ? '' : `\nwhen { ${conditions.join(' && ')} }`
  return `${terms.join(' ')}\npermit (principal in Role::"${rule.role}", action == Action::"request", ${resource})${when};\n`
}

function guardText(rule: GuardRule): string {
  const hold = rule.hold === undefined ? '' : ` @hold("${selectorText(rule.hold)}")`
  const is = rule.kind === undefined ? '' : ` is ${cedarKinds[rule.kind]}`
  const within = rule.role === undefined ? '' : ` in Role::"${rule.role}"`
  const action = rule.on === undefined ? `action in Effect::Action::"${rule.effect ?? 'any'}"` : `action == Action::"http:shop/${rule.on}"`
  const name = rule.on === undefined ? undefined : operations[rule.on].argument
  const when = rule.argument === undefined || name === undefined ? '' : `\nwhen { context.arguments.${name} == "${rule.argument}" }`
  const duty = rule.duty === undefined ? '' : ` @duty("record=${rule.duty}")`
  return `@id("${rule.id}")${hold}${duty}\nforbid (principal${is}${within}, ${action}, resource)${when};\n`
}
