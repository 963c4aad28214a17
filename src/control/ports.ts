/** What control needs from the outside: a store, a clock, chance, keys. Each has one contract suite or one host. */
import type { IdPrefix, Id } from '../kernel/ids.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { Refusal } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import type { Action, Material } from '../model/actions.ts'
import type { HoldState } from '../model/lives.ts'
import type { ObligationName, Obligations } from '../model/obligations.ts'
import type { ephemeralKinds, FactChange, RecordKind, Records } from '../model/records.ts'
import type { Service } from '../model/services.ts'
import type { HeardTool } from './pin-first.ts'
import type { Attendance, VisibleOperation } from './visible.ts'

// --- Store ---------------------------------------------------------------------------------------------------------
/** The columns a kind can be searched by; each is indexed. The store refuses (throws on) any other. */
export const searchable = {
  identity: ['name', 'kind', 'state', 'owner'],
  credential: ['identity', 'hash'],
  passkey: ['person', 'credentialId'],
  link: ['hash'],
  signIn: ['person'],
  device: ['hash', 'userCode'],
  exception: ['identity', 'state'],
  issuer: [],
  service: [],
  policySet: [],
  grant: ['state', 'actor'],
  uses: ['grant'],
  session: ['state', 'grant', 'token', 'identity'],
  binding: [],
  hold: ['state', 'grant', 'session'],
  approval: ['subject', 'person'],
  challenge: ['person'],
  signal: ['identity'],
  untrustedReading: ['identity', 'grant'],
  changeSet: ['state'],
  gateway: ['name', 'state', 'key', 'codeHash'],
  application: [],
} as const satisfies { readonly [K in RecordKind]: readonly string[] }

export type SearchBy<K extends RecordKind> = { readonly [C in (typeof searchable)[K][number]]?: string | readonly string[] }

export interface Page {
  /** At most this many, after this id in order of id; the store's own ceiling is 1,000. */
  readonly max: number
  readonly after?: string
}

/** What one space has in the store: no way leads from here to another space's records. */
export interface Reading {
  get<K extends RecordKind>(kind: K, id: string): Promise<Records[K] | undefined>
  /** In order of id. `actor` of a grant is the first of its chain. */
  find<K extends RecordKind>(kind: K, by: SearchBy<K>, page?: Page): Promise<Records[K][]>
}

/** What happened, for the ledger. Written in the transaction of the change it names, under the space of its store. */
export interface LedgerEntry {
  readonly kind: string
  /** Name of the identity that did it, or `remit` for time and machinery. */
  readonly actor: string
  readonly subject: string
  /** Never holds a secret. */
  readonly facts: JsonObject
}

export interface Change extends Reading {
  /** The instant of this change: never below that of any change before it. */
  readonly now: Instant
  /** Throws on a record of another space. */
  put<K extends RecordKind>(kind: K, record: Records[K]): Promise<void>
  remove(kind: (typeof ephemeralKinds)[number], id: string): Promise<void>
  record(entry: LedgerEntry): Promise<void>
  /** Forgets body and salt of a leaf of this space; its commitment and every proof stay. False where no such body is kept. Needs an entry. */
  eraseBody(index: number): Promise<boolean>
}

/** What a change brought: facts in the order they were written, under one version. Versions count over all spaces. */
export interface Committed {
  readonly version: number
  readonly at: Instant
  readonly changes: readonly FactChange[]
}

/**
 * One space of the store. `change` is one serializable transaction: all of it is durable when the promise resolves, nothing of it when
 * the work refuses or throws. The work may be run again from its start where the database asks for that, so it does nothing outside
 * the transaction. A change that puts a record (other than the ephemeral kinds) and records no entry is a bug and throws.
 * A store that cannot write answers `store.unavailable`; a read that cannot be made throws `StoreUnavailable` (kernel).
 */
export interface Store {
  readonly space: string
  change<T>(work: (tx: Change) => Promise<Result<T>>): Promise<Result<T>>
  read<T>(work: (tx: Reading) => Promise<T>): Promise<T>
  /**
   * Called for this space's changes, in order of commit, before `change` resolves and the next starts. What another node committed waits
   * for `prepare`, which never rejects: whoever writes has prepared what is long.
   */
  onCommit(listener: (committed: Committed) => void, prepare?: (changes: readonly FactChange[]) => Promise<void>): void
  /** Version of the last committed change of any space, and the last stored instant. */
  last(): Promise<{ readonly version: number; readonly at: Instant }>
  /** Resolves when whatever anybody had committed before this call is applied here: at once where nobody else writes. Rejects with `StoreUnavailable`. */
  catchUp(): Promise<void>
  /** False from when the database was lost (and with it the certainty that nobody else writes) until it is held again. Costs nothing. */
  isHeld(): boolean
}

export interface OutboxRow {
  /** 1, 2, 3 … without a gap, in order of commit. */
  readonly position: number
  readonly at: Instant
  /** Canonical JSON of { v:1, at, kind, space, actor, subject, facts }. */
  readonly body: string
  /** 32 random bytes. */
  readonly salt: Uint8Array
}

export interface LeafRow {
  /** 0, 1, 2 …: leaf n holds outbox row n + 1. */
  readonly index: number
  /** 33 bytes: the version byte and the commitment. */
  readonly leaf: Uint8Array
  /** Absent once erased. */
  readonly body?: string
  readonly salt?: Uint8Array
}

export interface TreeState {
  readonly size: number
  /** The hashes of the compact range, 32 bytes each, joined. */
  readonly frontier: Uint8Array
  /** The newest signed checkpoint; empty before the first. */
  readonly checkpoint: string
}

/** The one ledger of all spaces. */
export interface LogStore {
  /** Called after each commit that recorded an entry, of whatever space. */
  onEntry(listener: () => void): void
  /** Rows not numbered yet, oldest first. */
  outbox(max: number): Promise<OutboxRow[]>
  tree(): Promise<TreeState>
  /** Appends leaves and the new state in one transaction; throws if the stored size is not `from` (another sequencer). */
  appendLeaves(from: number, leaves: readonly LeafRow[], state: TreeState): Promise<void>
  leaves(from: number, max: number): Promise<LeafRow[]>
  /** Every signed checkpoint, oldest first, from a tree size on. */
  checkpoints(fromSize: number, max: number): Promise<{ readonly size: number; readonly note: string }[]>
  /** Keeps the checkpoint of a size with more signatures on it (the same text above them, or it throws). */
  cosign(size: number, note: string): Promise<void>
}

export interface SnapshotMade {
  /** All of them, the first and the last too. */
  readonly lines: number
  /** Hex, over every line but the last, which says the same. */
  readonly sha256: string
  /** The last change that is in it. */
  readonly latest: { readonly version: number; readonly at: Instant }
}

/** The control nodes that have one database open at the same time; where only one can, it has no name, leads, and has nobody to tell. */
export interface Nodes {
  readonly node: string
  /** Whether what one does for all is for this node to do: a hint, two may think so for a moment. */
  leads(): boolean
  /** Names, as last seen. Whoever left or fell silent is among them until all it had is certain to have stopped. `present` looks anew. */
  others(): readonly string[]
  present(): Promise<readonly string[]>
  /** Says something to the others, at most 4,000 bytes. It may be lost, holds no secret, and whoever writes to the database can say it too. */
  tell(text: string): void
  onNotice(listener: (text: string, from: string) => void): void
}

/** Everything that is kept: the spaces' records, the one ledger, and notes about the store itself. */
export interface Database extends LogStore {
  readonly nodes: Nodes
  inSpace(space: string): Store
  spaces(): Promise<string[]>
  meta(key: string): Promise<string | undefined>
  /** Throws on a key that was given when the store was made. */
  setMeta(key: string, value: string): Promise<void>
  /**
   * Everything as it is at one moment, while changes go on: lines of JSON, each with its line feed, the next made when `write` has
   * resolved. The same lines from every kind of database (docs/reference/stores.md). Throws where the database cannot be read to the
   * end: what was written is then no snapshot, and says so by lacking its last line.
   */
  snapshot(write: (line: string) => Promise<void>): Promise<SnapshotMade>
  /**
   * Puts the lines of a snapshot into this database, all of them or none. It must be empty: opened without `atCreation`, nothing ever
   * kept. Refuses `store.not-empty`, `snapshot.broken` and `store.unavailable`. What a new epoch has to end, its caller ends.
   */
  restore(lines: AsyncIterable<string>): Promise<Result<{ readonly version: number; readonly at: Instant }>>
  close(): Promise<void>
}

export interface Clock {
  /** UTC milliseconds; never goes back, and never below the last stored instant. */
  now(): Instant
  /** Calls once after a time; answers how to call it off. Does not keep the process alive. */
  after(milliseconds: Milliseconds, work: () => void): () => void
  /** Milliseconds since some moment, without jumps: for what must not be over too early. Absent where `now` never jumps either. */
  monotonic?(): Milliseconds
  /** Resolves when whatever else waited has had its turn. Keeps the process alive meanwhile: long work is not over because it pauses. */
  turn?(): Promise<void>
}

export interface Chance {
  bytes(count: number): Uint8Array
  id<P extends IdPrefix>(prefix: P, now: Instant): Id<P>
}

// --- Keys ----------------------------------------------------------------------------------------------------------
/** An Ed25519 key that never leaves its holder. */
export interface Signer {
  readonly name: string
  /** 32 raw bytes. */
  readonly publicKey: Uint8Array
  sign(message: Uint8Array): Uint8Array
}

/** Issues and reads Remit's own tokens (JWT, EdDSA, RFC 9068 `at+jwt`). */
export interface TokenMint {
  issue(claims: WrittenClaims): Promise<Secret>
  /** Refuses `credential.invalid` on anything but a token of ours for this audience that has not expired. */
  read(token: string, audience: string): Promise<Result<WrittenClaims>>
  /** Public keys as a JWK set. */
  keys(): JsonObject
}

/** What a token says, with its ids read. */
export interface TokenClaims extends WrittenClaims {
  readonly jti: Id<'tok'>
  readonly chain: readonly Id<'idn'>[]
  readonly grant?: Id<'grn'>
}

/** What a token says, as it is written. */
export interface WrittenClaims {
  /** `tok_…`: the token's own id. */
  readonly jti: string
  readonly space: string
  /** The chain by identity id: who acts first. */
  readonly chain: readonly string[]
  /** What proved it, for each link that showed something: when one of them ends, so does the token. */
  readonly provedBy: string
  /** `urn:remit:<space>:control` or `urn:remit:<space>:gateway:<name>`. */
  readonly audience: string
  readonly grant?: string
  readonly issuedAt: Instant
  readonly expiresAt: Instant
  /** Facts proved by the token this one was exchanged for. */
  readonly proved: Readonly<Record<string, string>>
}

/** Reads a JWT of a configured issuer. */
export interface IssuerTokens {
  read(
    token: string,
    issuer: Records['issuer'],
  ): Promise<Result<{ readonly subject: string; readonly claims: JsonObject; readonly expiresAt: Instant }>>
}

/** Where a sealed text belongs: in any other space, service, origin or use it does not open. */
export interface SealedPlace {
  readonly space: string
  readonly service: string
  /** Scheme, host and port that it may be sent to; and whether it is the secret itself, or the name of where it is kept. */
  readonly origin: string
  readonly use: 'value' | 'reference'
}

/** Seals upstream secrets with the place they belong to as associated data: moved elsewhere they do not open. */
export interface Vault {
  seal(secret: Secret, place: SealedPlace): string
  open(sealed: string, place: SealedPlace): Result<Secret>
  /** Whether it was sealed in today's form under the primary key. */
  isCurrent(sealed: string): boolean
}

/** Secrets that are kept elsewhere, by the references that configurations name them with. */
export interface SecretSource {
  /** Looks these up, and again in time, for one gateway; what nobody follows any more is forgotten. */
  follow(gateway: string, references: readonly string[]): void
  /** As it was last read, from memory; refuses `upstream.secret-unavailable` where that is too long ago, or never was. */
  current(reference: string): Result<Secret>
}

/** Checks a person's WebAuthn answers (Level 2, user verification required). */
export interface Passkeys {
  registration(input: {
    readonly response: JsonObject
    readonly challenge: string
    readonly origin: string
    readonly rpId: string
  }): Promise<Result<{ readonly credentialId: string; readonly publicKey: string; readonly counter: number; readonly software: boolean }>>
  assertion(input: {
    readonly response: JsonObject
    readonly challenge: string
    readonly origin: string
    readonly rpId: string
    readonly credentialId: string
    readonly publicKey: string
    readonly counter: number
    readonly software: boolean
  }): Promise<Result<{ readonly counter: number }>>
}

// --- What a gateway has of control ------------------------------------------------------------------------------------

/** A caller whose token was verified, at the address it came from. */
export interface Bearer {
  readonly claims: TokenClaims
  readonly address: string
}

/** One action to be decided. `material` is there once the whole body is known; without it nothing can be held. */
export interface Call {
  readonly bearer: Bearer
  readonly action: Action
  readonly material?: Material
  /** The whole body, there with the material, so that a person can be shown what is held; of a tool its definition, or why nobody knows it. */
  readonly body?: Uint8Array
  readonly heard?: Result<HeardTool>
  /** Obligations that whoever asks will meet itself. One that is demanded and not among them is a no; how firmly it is recorded, control sees to. */
  readonly meets?: readonly ObligationName[]
}

/** A recorded yes: the action may be forwarded once, while it stands. */
export interface Decision {
  readonly id: Id<'dec'>
  readonly session: Id<'ses'>
  readonly grant: Id<'grn'>
  readonly action: Action
  /** Version of facts it was made from. */
  readonly version: number
  /** Nothing may be forwarded from this instant on. */
  readonly endsAt: Instant
  /** What must be done with it, whoever permitted it … */
  readonly obligations: Obligations
  /** … and the policies that say so, by their `@id`. */
  readonly duties: readonly string[]
}

export type Verdict =
  | { readonly outcome: 'allow'; readonly decision: Decision }
  | { readonly outcome: 'deny'; readonly refusal: Refusal; readonly decision: Id<'dec'> }
  | { readonly outcome: 'held'; readonly refusal: Refusal; readonly decision: Id<'dec'>; readonly hold: Id<'hld'>; readonly page: string }
  /** The answer depends on the whole body: read it (at most 1 MiB) and ask again with the material. */
  | { readonly outcome: 'needs-material' }

/** What became of an allowed action. An outcome nobody heard of is `unknown` and counts as done; `delegated` to a proxy that forwards by itself likewise. */
export interface Outcome {
  readonly result: 'answered' | 'failed' | 'cut' | 'unknown' | 'not-sent' | 'delegated'
  /** What the answer says beside its status: that it was an error (of JSON-RPC, of a tool), or nothing that was read. */
  readonly says?: 'error' | 'unread' | undefined
  readonly status?: number | undefined
  readonly requestBytes: number
  readonly responseBytes: number
  /** SHA-256 of the request body as it was forwarded, or of its frame (`OutcomeEntry`), hex, or still being made; absent where there was none. */
  readonly bodySha256?: string | { hex(): string; readonly isOfFrame: boolean } | undefined
  readonly milliseconds: number
  readonly reason?: string | undefined
}

/** The one port between a gateway and control: in process, or over the feed. */
export interface GatewayControl extends Attendance {
  /** Name of this gateway: part of its audience, `urn:remit:<space>:gateway:<name>`. */
  readonly gateway: string
  readonly space: string
  services(): readonly Service[]
  service(name: string): Service | undefined
  /** The upstream's own secret, as the header value to send; `undefined` where none is configured. Synchronous: from memory. */
  upstreamSecret(service: Service): Result<Secret | undefined>
  /** Verifies a token and binds it to the address that uses it first. A token seen before costs a look-up, and is answered at once. */
  identify(token: string, address: string): Result<Bearer> | Promise<Result<Bearer>>
  /** Decides and records. Never throws: an error inside is a recorded no. Answers at once where nothing is to be waited for. */
  authorize(call: Call): Verdict | Promise<Verdict>
  /** What of a service this caller's live grants reach now, for lists. Synchronous, from memory; decides nothing. */
  visible(bearer: Bearer, service: Service): readonly VisibleOperation[]
  /** Asked in the tick that sends the first byte upstream: still the same grant, session and end? Synchronous. */
  stands(decision: Decision): Result<undefined>
  /** Asked with every piece that follows: why it may not go on, if so. A lease has ended, or what proved its token. Synchronous, from memory. */
  stopReason(decision: Decision): string | undefined
  /** Records what became of it; exactly once per allowed decision. */
  finish(decision: Decision, outcome: Outcome): void
  /** Records a request that was refused before an action could be named. Answers the record's id. */
  refused(input: {
    readonly service: string
    readonly bearer?: Bearer
    readonly address: string
    readonly target: string
    readonly refusal: Refusal
  }): Id<'dec'>
  /** Resolves when the hold leaves `waiting`, when the time is over, or when the signal aborts: its state then. */
  holdAnswered(hold: Id<'hld'>, wait: Milliseconds, signal: AbortSignal): Promise<HoldState>
  /** Calls `cut` in the tick in which the session's end is applied. Answers how to stop listening. */
  onEnd(session: Id<'ses'>, cut: (reason: string) => void): () => void
  onServices(listener: () => void): void
}
