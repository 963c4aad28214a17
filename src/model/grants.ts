/** Task, scope, grant, hold, approval, session: the authority that is lent for one task, and its use. */
import {
  type ApprovalId,
  type ExceptionId,
  type GrantId,
  type HoldId,
  type Id,
  type IdentityId,
  isId,
  type PasskeyId,
  type SessionId,
  type SignalId,
  type TokenId,
} from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { ArgumentValue, Arguments } from './actions.ts'
import type { Difference, Worse } from './definitions.ts'
import type { Effect, Tier } from './effects.ts'
import type { Format } from './formats.ts'
import type { GrantState, HoldState, SessionState } from './lives.ts'
import type { Provenance } from './provenance.ts'
import type { Requirement } from './requirements.ts'

/** Something known about a task; `proved` facts come from a verified token or a provider, never from the asker's words. */
export interface Fact {
  readonly name: string
  readonly value: string
  readonly source: string
  readonly at: Instant
}

export interface Task {
  readonly kind: string
  readonly statement: string
  readonly claimed: readonly Fact[]
  readonly proved: readonly Fact[]
}

/** What an argument must be. All that are present must hold. Times and sizes are numbers as the operation takes them. */
export interface ArgumentConstraint {
  readonly oneOf?: readonly ArgumentValue[]
  /** A pattern with `*` for any run of characters. */
  readonly like?: string
  /** What kind of text it must be. */
  readonly format?: Format
  readonly atLeast?: number
  readonly atMost?: number
}

/**
 * One line of a scope: effects on a resource and what lies below it, or one operation.
 * `resource` is `shop` or `shop/restart`; `effects` is absent when the resource is one operation.
 */
export interface ScopeEntry {
  readonly resource: string
  readonly effects?: readonly Effect[]
  readonly arguments?: Readonly<Record<string, ArgumentConstraint>>
  /** How many actions this line allows in all; absent: not counted. */
  readonly uses?: number
  /** What an argument may come to over all actions of this line. */
  readonly sum?: SumLimit
  /** How many actions this line allows in any stretch of this length. */
  readonly rate?: RateLimit
  /** The operation of which an action must have been answered under the same grant before any of this line: `bank/lookup`. */
  readonly after?: string
}

export interface SumLimit {
  readonly argument: string
  /** In whole units of the argument. */
  readonly atMost: number
}

export interface RateLimit {
  readonly atMost: number
  /** Whole seconds. */
  readonly window: Milliseconds
}

export type GrantEnding = 'completed' | 'expired' | 'revoked' | 'contained' | 'exhausted' | 'abandoned'

export interface Ending {
  readonly how: GrantEnding | 'denied' | 'withdrawn' | 'unanswered' | 'unclaimed'
  readonly by: string
  readonly reason: string
}

export interface Grant {
  readonly id: GrantId
  readonly space: string
  /** Who acts first, then for whom, and for whom that one acts. */
  readonly chain: readonly IdentityId[]
  readonly task: Task
  readonly scope: readonly ScopeEntry[]
  readonly tier: Tier
  /** The exception that it is the permit of: then nobody needs to be eligible, and it ends with it. */
  readonly exception?: ExceptionId
  /** The active grant that this asks more time for: its `duration` is what comes on top. */
  readonly continues?: GrantId
  /** Asked for by somebody who had read what anybody may have written: people approved it, and every more of it. */
  readonly untrusted?: true
  /** What each tool was that was called under it, by resource: `mail/send`. One that is another by now is held. */
  readonly tools?: Readonly<Record<string, ToolPin>>
  readonly state: GrantState
  /** Length of the work window, and the most it may ever be, extensions included. */
  readonly duration: Milliseconds
  readonly durationMax: Milliseconds
  readonly requirement: Requirement
  /** The policies that made it eligible, by `@id`. */
  readonly policies: readonly string[]
  /** SHA-256 over the request's canonical form: what an approver signs. */
  readonly digest: string
  readonly idleMax: Milliseconds
  /** Present when a wrapper promises to call at this interval; three missed calls end the grant. */
  readonly heartbeat?: Milliseconds
  readonly requestedAt: Instant
  readonly pendingUntil: Instant
  readonly approvedAt?: Instant
  /** Everybody who had signed a yes when it was approved: it stands on them. */
  readonly approvedBy?: readonly { readonly person: IdentityId; readonly passkey: PasskeyId }[]
  readonly claimBy?: Instant
  readonly activatedAt?: Instant
  /** The one absolute end; present from activation on. */
  readonly expiresAt?: Instant
  readonly endedAt?: Instant
  readonly ending?: Ending
}

/** The definition of a tool as it stands for a grant: of its first call, or what a person said yes to since. */
export interface ToolPin {
  readonly hash: string
  /** A person said yes to it as it is, also where its server says worse of it than was declared. */
  readonly accepted?: true
  /** Its members as canonical JSON; absent where that is too much to be kept with a grant. */
  readonly says?: string
}

export interface Session {
  readonly id: SessionId
  readonly space: string
  readonly grant: GrantId
  readonly identity: IdentityId
  readonly gateway: string
  readonly token: TokenId
  /** The client address that first used the token. */
  readonly address: string
  readonly state: SessionState
  readonly openedAt: Instant
  readonly endsAt: Instant
  readonly endedAt?: Instant
}

/** The address that first used a token: from any other one it is refused. */
export interface TokenBinding {
  readonly id: TokenId
  readonly space: string
  readonly identity: IdentityId
  readonly address: string
  readonly at: Instant
  readonly expiresAt: Instant
  /** Where it was bound, if at a gateway, and the chain of the token: there it is known who shows it, for as long as this lasts. */
  readonly gateway?: string
  readonly chain?: readonly IdentityId[]
}

/** What a person sees of a held action. The body is erased when the hold closes. */
export interface HeldAction {
  readonly service: string
  readonly operation: string
  readonly effect: Effect
  readonly tier: Tier
  readonly target: string
  readonly arguments: Arguments
  readonly headers: readonly (readonly [string, string])[]
  /** As its gateway saw when it was held. */
  readonly provenance?: Provenance
  /** Of a tool: what its server said that it is. */
  readonly definition?: HeldDefinition
  /** base64 of the whole body. */
  readonly body?: string
}

/** What a server says of a tool, for whoever is asked: the server's words, which prove nothing. */
export interface HeldDefinition {
  readonly hash: string
  readonly worse?: Worse
  /** Shortened, as the server wrote them. */
  readonly title?: string
  readonly description?: string
  /** The hash that the grant has pinned, where it is another one … */
  readonly pinned?: string
  /** … and where the two differ; absent where one of them was too long to be kept. */
  readonly differences?: readonly Difference[]
  /** All of it as canonical JSON, while the hold is open; absent where it is too long. */
  readonly says?: string
}

export interface Hold {
  readonly id: HoldId
  readonly space: string
  readonly session: SessionId
  readonly grant: GrantId
  readonly digest: string
  readonly action: HeldAction
  readonly requirement: Requirement
  readonly policies: readonly string[]
  readonly state: HoldState
  readonly openedAt: Instant
  /** Until when somebody may answer. */
  readonly answerBy: Instant
  readonly approvedAt?: Instant
  /** Until when an approval may be spent. */
  readonly useBy?: Instant
  readonly closedAt?: Instant
  readonly reason?: string
}

/** What an approver took away from a request. */
export interface Narrowing {
  readonly duration?: Milliseconds
  /** Numbers of the scope lines that stay. */
  readonly lines?: readonly number[]
  /** Uses per scope line number, as decimal text. */
  readonly uses?: Readonly<Record<string, number>>
  /** A lower limit of a line's sum, by line number. */
  readonly sums?: Readonly<Record<string, number>>
  /** Fewer actions in the same stretch of time, by line number. */
  readonly rates?: Readonly<Record<string, number>>
  /** Further demands on arguments by line number, as they stand in a scope line: `amount<=50,to@email`. */
  readonly where?: Readonly<Record<string, string>>
}

/** What people say yes or no to: a request, a held action, a change-set, an exception. */
export const subjectPrefixes = ['grn', 'hld', 'chg', 'exc'] as const
export type SubjectId = Id<(typeof subjectPrefixes)[number]>

export function isSubjectId(text: string): text is SubjectId {
  return subjectPrefixes.some((prefix) => isId(prefix, text))
}

/** A person's signed yes or no: the WebAuthn assertion is kept so that anyone may check it again. */
export interface Approval {
  readonly id: ApprovalId
  readonly space: string
  readonly subject: SubjectId
  readonly person: IdentityId
  readonly decision: 'approve' | 'deny'
  readonly narrowing: Narrowing
  readonly digest: string
  readonly nonce: string
  readonly passkey: PasskeyId
  /** The party of the subject who had let this person in within a week: nobody else was there who could be asked. */
  readonly letInBy?: string
  readonly assertion: { readonly clientDataJSON: string; readonly authenticatorData: string; readonly signature: string }
  readonly at: Instant
}

/** A challenge handed out for one signature; spent by it. */
export interface Challenge {
  /** The challenge itself, base64url. */
  readonly id: string
  readonly space: string
  readonly purpose: 'approve' | 'sign-in' | 'register' | 'confirm-device' | 'authorize' | 'authorization-code'
  readonly person?: IdentityId
  readonly about: string
  readonly expiresAt: Instant
}

/** What was taken of one counted line of a grant's scope. What is absent is nothing. */
export interface Uses {
  /** grant id and line number. */
  readonly id: string
  readonly space: string
  readonly grant: GrantId
  readonly line: number
  /** Actions, and uses that gateways reserved. Never less than before: what comes back is in `returned`. */
  readonly spent: number
  /** Reserved uses that a gateway gave back. */
  readonly returned?: number
  /** Reserved uses that gateways still hold: nobody knows yet whether they will be used. */
  readonly reserved?: number
  /** What the sum's argument came to, in ten-thousandths. */
  readonly sum?: number
  /** Actions that the rate still counts, the oldest first. `at` is not before they happened. */
  readonly recent?: readonly { readonly at: Instant; readonly actions: number }[]
  /** When what the line comes after was answered first. From then on it stays so. */
  readonly opened?: Instant
}

export interface Signal {
  readonly id: SignalId
  readonly space: string
  readonly kind: 'token-used-elsewhere' | 'enrolment-code-reused' | 'gateway-key-unknown'
  readonly identity?: IdentityId
  readonly grant?: GrantId
  readonly about: string
  readonly at: Instant
}

export function usesId(grant: GrantId, line: number): string {
  return `${grant}/${line}`
}

/** Without what its tools were, which is long, and compared at its home alone. */
export function withoutPinnedTexts(grant: Grant): Grant {
  const { tools } = grant
  if (tools === undefined || Object.values(tools).every(({ says }) => says === undefined)) return grant
  return { ...grant, tools: Object.fromEntries(Object.entries(tools).map(([name, { says: _kept, ...pin }]) => [name, pin])) }
}
