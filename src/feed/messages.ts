/** What gateways and control say to each other, as canonical objects of JSON. Each side reads strictly: what it does not know is refused. */
import type { GatewayId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { RefusalCode } from '../kernel/refusals.ts'
import type { Action, Material } from '../model/actions.ts'
import type { Hold, Session, TokenBinding } from '../model/grants.ts'
import type { FactChange, RecordKind } from '../model/records.ts'
import type { TokenClaims } from '../control/ports.ts'
import type { AgentDeed, AgentSaid } from './agent-messages.ts'

/**
 * The protocols this version speaks, the newest first: always this one and the one before. 3 knows who has read what is untrusted, and keeps what tools are; 2 has
 * reservations of counted uses, and shows tokens that are bound; 1 asks for each use. A gateway says all it speaks, control takes the highest that both do, and refuses where there is none.
 */
export const protocols: readonly number[] = [3, 2, 1]

/** How long a gateway may act after it sent the renewal that was answered, by the wall clock and by the monotonic one. */
export const leaseMs: Milliseconds = 5_000
/** What control waits beyond a lease for clocks that differ: then a gateway that it cannot hear has stopped. */
export const driftMs: Milliseconds = 5_000
/** How often a gateway renews. */
export const renewEveryMs: Milliseconds = 1_000
/** Services of which a gateway says where they listen. */
export const servedMax = 10_000

// --- From a gateway ---------------------------------------------------------------------------------------------------

export type FromGateway =
  | Hello
  /** Asks for a lease from the moment of sending on; `n` counts up within a link. */
  | { readonly type: 'renew'; readonly n: number }
  /** Everything up to this version binds here: what it ended was cut, and no byte of it leaves any more. */
  | { readonly type: 'applied'; readonly version: number }
  | { readonly type: 'ask'; readonly id: number; readonly ask: Ask }
  /** Signs of life of grants since the last of these. */
  | { readonly type: 'alive'; readonly grants: readonly SignOfLife[] }
  /** The newest line of its journal that its disk has: number and chain hash in hex. */
  | { readonly type: 'anchor'; readonly n: number; readonly hash: string }
  /** The canary of this drill was cut. */
  | { readonly type: 'drilled'; readonly n: number }
  /** From protocol 2 on: where its services listen, all of them, anew whenever that changes. */
  | { readonly type: 'serves'; readonly services: readonly ServedAt[] }

/** Where clients reach a service: scheme, host and port of HTTP, and nothing more. */
export interface ServedAt {
  readonly service: string
  readonly url: string
}

export interface Hello {
  readonly type: 'hello'
  readonly speaks: readonly number[]
  /** Its own version of Remit, for people. */
  readonly software: string
  /** Of this run of the process, random: reservations of an earlier run are void. */
  readonly run: string
  /** What it has already, if anything, and which control node told it: that one resumes there where it can. What others take for known may differ. */
  readonly has?: { readonly epoch: number; readonly version: number; readonly from?: string }
}

export interface SignOfLife {
  readonly grant: string
  readonly lastUse: Instant
  readonly underWay: number
}

/** What a gateway asks its home for: `Home` in control/home-port.ts, on the wire. */
export type Ask =
  /** From protocol 2 on with the token itself: what control reads in it makes its chain known to the gateway; what is only said does not. */
  | { readonly what: 'bind'; readonly claims: TokenClaims; readonly address: string; readonly token?: string }
  | { readonly what: 'used-elsewhere'; readonly claims: TokenClaims; readonly bound: string; readonly address: string }
  | { readonly what: 'open-session'; readonly claims: TokenClaims; readonly address: string; readonly grant: string }
  | {
      readonly what: 'settle'
      readonly claims: TokenClaims
      readonly address: string
      readonly action: Action
      readonly material?: Material
      readonly grant: string
      readonly session: string
      readonly line?: number
      readonly hold?: string
    }
  | {
      readonly what: 'hold'
      readonly claims: TokenClaims
      readonly address: string
      readonly action: Action
      readonly material: Material
      /** base64 */
      readonly body?: string
      /** From protocol 3 on: of a tool, its definition. */
      readonly says?: string
      readonly grant: string
      readonly session: string
      readonly digest: string
    }
  /** From protocol 3 on: what a tool is from now on under this grant; `says` is its definition, as canonical JSON. */
  | {
      readonly what: 'pin'
      readonly claims: TokenClaims
      readonly address: string
      readonly action: Action
      readonly says?: string
      readonly grant: string
    }
  /** From protocol 3 on: this session reads what anybody may have written, of this operation first. */
  | {
      readonly what: 'mark-untrusted'
      readonly claims: TokenClaims
      readonly address: string
      readonly session: string
      readonly grant: string
      readonly service: string
      readonly operation: string
    }
  /** From protocol 3 on: what whoever shows a token of these claims has read here, as far as it is kept. */
  | { readonly what: 'read-before'; readonly claims: TokenClaims; readonly address: string }
  /** Of a grant with an order in it, which only a control that knows orders gives: so no version of its own. */
  | {
      readonly what: 'answered'
      readonly claims: TokenClaims
      readonly address: string
      readonly action: Action
      readonly grant: string
      readonly session: string
      readonly decision: string
    }
  | { readonly what: 'exhausted'; readonly grant: string }
  /** From protocol 3 on: what an agent asks of the desk. Control reads who it is in the token. */
  | { readonly what: 'agent'; readonly claims: TokenClaims; readonly address: string; readonly token: string; readonly deed: AgentDeed }
  /** From protocol 2 on: some uses of a counted line, to be spent here. They are spent for everybody else from the answer on. */
  | { readonly what: 'reserve'; readonly grant: string; readonly line: number; readonly uses: number }
  /** Gives back what it did not spend of a reservation of this run. */
  | { readonly what: 'release'; readonly grant: string; readonly line: number; readonly uses: number }
  /** A new certificate for the same key, before the old one ends: a certificate request (PKCS #10) in PEM. */
  | { readonly what: 'renew-certificate'; readonly request: string }

// --- From control -----------------------------------------------------------------------------------------------------

export type FromControl =
  | Welcome
  /** One record of a snapshot, in an order in which each finds what it refers to. */
  | FedRecord
  /** The snapshot is whole: it holds these many records, and stands for this version. Nothing is served before. */
  | { readonly type: 'snapshot'; readonly version: number; readonly records: number; readonly at: Instant }
  | Changes
  /** The renewal of this number holds. `disputed`: a witness disputes the ledger, nothing may go through. */
  | { readonly type: 'lease'; readonly n: number; readonly now: Instant; readonly disputed: boolean }
  | { readonly type: 'answer'; readonly id: number; readonly answer: Answered }
  /** The value of the header that this service is sent, or why there is none. Never written anywhere. */
  | { readonly type: 'secret'; readonly service: string; readonly value: string }
  | { readonly type: 'no-secret'; readonly service: string; readonly code: RefusalCode; readonly detail?: string }
  /** Public keys of tokens, as a JWK set. */
  | { readonly type: 'keys'; readonly keys: JsonObject }
  /** Cut the canary of this number and say so: what a revocation does, without one. */
  | { readonly type: 'drill'; readonly n: number }
  /** The last message before control closes the link. */
  | { readonly type: 'refused'; readonly code: RefusalCode; readonly detail?: string }

export interface Welcome {
  readonly type: 'welcome'
  readonly protocol: number
  readonly id: GatewayId
  readonly space: string
  readonly name: string
  readonly gateway: string
  /** A gateway that has seen a later epoch takes nothing from an earlier one. */
  readonly epoch: number
  /** This control node, for people. */
  readonly node: string
  readonly now: Instant
  readonly leaseMs: Milliseconds
  readonly pages: { readonly origin: string; readonly rpId: string }
  /** Whether changes follow from where the gateway is; else a snapshot follows, and what it had is forgotten. */
  readonly resumes: boolean
}

export type FedRecord = {
  [K in RecordKind]: { readonly type: 'record'; readonly kind: K; readonly record: FactRecord<K> }
}[RecordKind]

type FactRecord<K extends RecordKind> = Extract<FactChange, { readonly kind: K; readonly record: unknown }>['record']

/**
 * What changed between two versions, as far as it is this gateway's business. `after` is the version it has; another one is a gap or
 * a repetition, and ends the link. `forget` are records that are no longer its business, which is no end of them.
 */
export interface Changes {
  readonly type: 'changes'
  readonly after: number
  readonly version: number
  readonly at: Instant
  readonly changes: readonly FactChange[]
  readonly forget: readonly { readonly kind: RecordKind; readonly id: string }[]
}

export type Answered =
  | {
      readonly ok: true
      readonly binding?: TokenBinding
      readonly session?: Session
      readonly hold?: Hold
      readonly uses?: number
      /** The operation that was read first; absent where nothing is known of any. */
      readonly read?: string
      readonly certificate?: string
      readonly agent?: AgentSaid
    }
  | { readonly ok: false; readonly code: RefusalCode; readonly detail?: string; readonly policies?: readonly string[] }
