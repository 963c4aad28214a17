/** What the API is built from: the desk, its readers and gateways, and the few things of the outside that it is handed. */
import type { Instant } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import type { Activity } from '../control/activity.ts'
import type { Desk } from '../control/desk.ts'
import type { TokenReader } from '../control/identify.ts'
import type { EarlierJournal } from '../control/replay.ts'
import type { Journal } from '../control/journal.ts'
import type { Ledger } from '../control/ledger.ts'
import type { Tls } from './api-server.ts'
import type { Sequencer } from '../control/sequencer.ts'

export interface ApiLog {
  info(says: string, facts?: Readonly<Record<string, unknown>>): void
  warn(says: string, facts?: Readonly<Record<string, unknown>>): void
  error(says: string, facts?: Readonly<Record<string, unknown>>): void
}

/** The pages' own script and stylesheet, as text. */
export interface Assets {
  readonly script: string
  readonly stylesheet: string
}

export interface UpstreamState {
  readonly state: 'untried' | 'reachable' | 'failing' | 'resting'
  readonly since: Instant
  readonly error?: string
  readonly triedAgainAt?: Instant
}

/** What the feed knows of a gateway elsewhere. */
export interface GatewayStanding {
  readonly id: string
  /** Absent while it is not connected here. */
  readonly connectedAt?: Instant
  /** The other control node that it is connected to, where one says so. */
  readonly node?: string
  readonly address?: string
  /** How many versions that concern it are not applied there yet. */
  readonly lag?: number
  readonly leaseEndsAt?: Instant
  readonly heardAt?: Instant
  readonly software?: string
}

export interface ApiParts {
  readonly desk: Desk
  /** Reads tokens for control. */
  readonly reader: TokenReader
  readonly activity: Activity
  readonly sequencer: Pick<Sequencer, 'flush' | 'head' | 'vkey'>
  readonly ledger: Ledger
  /** Of every gateway in this process. */
  readonly journals: readonly Journal[]
  /** Of the epochs before this one. */
  readonly earlierJournals?: readonly EarlierJournal[]
  /** Where the gateway of a service listens; `undefined` while it does not. */
  readonly serviceUrl: (service: string) => string | undefined
  /** What its gateway knows of the upstream of a service. */
  readonly serviceHealth?: (service: string) => UpstreamState | undefined
  /** Where gateways elsewhere are served; absent where no port is open for them. */
  readonly feed?: {
    /** SHA-256 of the authority that vouches for control, in base64url. */
    readonly fingerprint: string
    /** Host and port, as gateways reach it. */
    readonly addresses: readonly string[]
    readonly standing: () => readonly GatewayStanding[]
    /** Where a service listens at each of them that serves it. */
    readonly urls: (service: string) => readonly string[]
  }
  /** Figures as Prometheus reads them; absent where none are kept. */
  readonly metrics?: () => Promise<{ readonly type: string; readonly text: string }>
  readonly log: ApiLog
  /** Writes a secret into the one answer that shows it: tokens, cookies, links, API secrets. */
  readonly handOver: (secret: Secret) => string
  readonly assets: Assets
  readonly version: string
  /** What to speak TLS with; without it plain HTTP is spoken. */
  readonly tls?: Tls
  /** Further host names, with their port if it is not the scheme's own, under which the API is reached. */
  readonly hosts?: readonly string[]
  /** Where OAuth clients say who they are; absent where none is let in. */
  readonly clientDocuments?: {
    /** Whether this machine's own are taken too. */
    readonly takesLoopback: boolean
    readonly read: (url: URL) => Promise<Result<JsonObject>>
  }
  /** Whether a watched configuration on disk has a fault and stays out. */
  readonly isConfigurationRejected?: () => boolean
}

/** Where a call came from, before anybody asked who it is. */
export interface Visit {
  readonly address: string
  readonly at: Instant
  /** Aborts when the client goes away. */
  readonly signal: AbortSignal
  readonly headers: Readonly<Record<string, string | undefined>>
}
