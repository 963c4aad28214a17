/** What a gateway asks its home for: the port to whatever there is only one of. */
import type { Id } from '../kernel/ids.ts'
import type { Result } from '../kernel/result.ts'
import type { Action, Material } from '../model/actions.ts'
import type { Grant, Hold, Session, TokenBinding } from '../model/grants.ts'
import type { Requirement } from '../model/requirements.ts'
import type { Done } from './orders.ts'
import type { Bearer, TokenClaims } from './ports.ts'

/** What is asked for beyond a decision: one counted line, one approval, or that control itself says yes once more. */
export interface Settlement {
  readonly bearer: Bearer
  readonly action: Action
  readonly material?: Material
  readonly grant: Id<'grn'>
  readonly session: Id<'ses'>
  /** The counted line of the grant's scope that carries it. */
  readonly line?: number
  /** The approved hold that it uses up. */
  readonly hold?: Id<'hld'>
}

/** An action that waits for people. */
export interface Holding {
  readonly bearer: Bearer
  readonly session: Session
  readonly grant: Grant
  readonly digest: string
  readonly action: Action
  readonly material: Material
  readonly answer: { readonly requirement: Requirement; readonly policies: readonly string[]; readonly duties: readonly string[] }
  readonly body: Uint8Array | undefined
  /** Of a tool: its definition as canonical JSON, where that is short enough to be shown. */
  readonly says?: string
}

/** What a tool is, the first time that it is called under a grant. */
export interface Pinning {
  readonly bearer: Bearer
  readonly action: Action
  readonly grant: Id<'grn'>
  /** Its definition as canonical JSON, where that is short enough to be told. */
  readonly says?: string
}

/** A call whose result anybody may have written, before it is forwarded. */
export interface UntrustedCall {
  readonly bearer: Bearer
  readonly session: Pick<Session, 'id' | 'grant'>
  readonly action: Pick<Action, 'service' | 'operation'>
}

/**
 * Where everything lives that there is only one of: sessions, counts, holds, the addresses of tokens. In process it is the desk; a gateway
 * elsewhere asks over the feed. When an answer comes, the facts that it made are applied here already. An answer that does not come is
 * a refusal, and what was to be spent counts as spent.
 */
export interface Home {
  /** Whether it is certain that nothing was ended elsewhere that is not known here. Costs nothing; false cuts what is under way, in time. */
  isHeld(): boolean
  /** Whether what is under way may go on at this moment, asked with every piece of it: a machine that slept notices before its timers do. */
  goesOn(): boolean
  /** Whether an action may go through as far as control is concerned: it is held, reachable where that matters, and not disputed. */
  lets(action: Pick<Action, 'tier' | 'effect'>): Result<undefined>
  /** Whether control has to say yes to this one itself, though nothing is counted. */
  mustSettle(action: Pick<Action, 'tier' | 'effect'>): boolean
  /** Binds a token to the address that uses it first, or answers with the address it is bound to. The claims are those of the token. */
  bind(claims: TokenClaims, address: string, token: string): Promise<Result<TokenBinding>>
  /** A token was used from another address than its own. At most once a minute for each. */
  usedElsewhere(claims: TokenClaims, seen: { readonly bound: string; readonly address: string }): Promise<void>
  openSession(bearer: Bearer, grant: Id<'grn'>): Promise<Result<Session>>
  /** Spends, once, before anything is forwarded. */
  settle(settlement: Settlement): Promise<Result<undefined>>
  /** The waiting hold of this digest on this session, or a new one. */
  hold(holding: Holding): Promise<Result<Hold>>
  /** Keeps with the grant what the action's tool is, unless something is kept of it already: the first one stays. */
  pin(pinning: Pinning): Promise<Result<undefined>>
  /** Keeps that the session reads what anybody may have written, before it does: what it asks for from then on is asked of a person. */
  markUntrusted(call: UntrustedCall): Promise<Result<undefined>>
  /** The operation of the first such result that whoever shows this token was given at this gateway. */
  readBefore(bearer: Bearer): Promise<Result<string | undefined>>
  /** An action that others come after was answered without an error. Not heard means not done. */
  answered(bearer: Bearer, done: Done): Promise<Result<undefined>>
  /** The last use of a fully counted grant is over, as far as this gateway can see. */
  exhausted(grant: Id<'grn'>): Promise<void>
}
