/** What every exchange of one port shares, and what the port serves. */
import type { Bearer, Chance, Clock, GatewayControl } from '../../control/ports.ts'
import type { Refusal } from '../../kernel/refusals.ts'
import type { Result } from '../../kernel/result.ts'
import type { Service } from '../../model/services.ts'
import type { Log } from '../shared/log.ts'
import type { RefusalBook } from '../shared/refusal-book.ts'
import type { SessionCuts } from '../shared/session-cuts.ts'
import type { ClientAnswer, Headers } from './client-answer.ts'
import type { FrontLimits } from './front-limits.ts'
import type { HeldCalls } from './held-calls.ts'
import type { HeldTasks } from './held-tasks.ts'
import type { JoinedSession } from './joined-sessions.ts'
import type { Attendants } from './licence.ts'
import type { Memories } from './memories.ts'
import type { Offer } from './offer.ts'
import type { OwnTools } from './own-tools.ts'
import type { McpServer } from './ports.ts'
import type { ServerTasks } from './server-tasks.ts'
import type { McpSessions } from './sessions.ts'
import type { ToolDefinitions } from './tool-definitions.ts'
import type { UrlElicitations } from './url-elicitation.ts'

/** One server, and the service that it is. */
export interface Member {
  readonly service: Service
  readonly server: McpServer
}

/** A service as it is now. */
export interface Served {
  readonly service: Service
  readonly offer: Result<Offer>
  /** The one server, or those that are joined. */
  readonly members: readonly Member[]
}

/** What OAuth clients are told: where to get a token, and what for. */
export interface ResourceHook {
  /** The body of `/.well-known/oauth-protected-resource` and below it; `undefined` where there is nothing to say. `origin`: as the client reached it. */
  metadata(service: Service, origin: string, path: string): string | undefined
  /** The value of `WWW-Authenticate` for a refusal of 401, or of 403 where a wider grant would help. */
  challenge(service: Service, origin: string, refusal: Refusal): string | undefined
}

export interface Door {
  readonly name: string
  readonly control: GatewayControl
  readonly clock: Clock
  readonly chance: Pick<Chance, 'bytes'>
  readonly limits: FrontLimits
  readonly log: Log
  readonly cuts: SessionCuts
  readonly attendants: Attendants
  /** What callers were told, and so where their arguments may come from. */
  readonly memories: Memories
  /** What the tools are, as their servers say. */
  readonly tools: ToolDefinitions
  readonly refusals: RefusalBook
  readonly held: HeldCalls
  readonly pages: UrlElicitations
  readonly tasks: HeldTasks
  readonly serverTasks: ServerTasks
  /** Where the desk is in this process. */
  readonly own: OwnTools | undefined
  /** Sessions of the revisions before 2026-07-28: of a server that is alone, or of all that are joined. */
  readonly sessions: McpSessions<JoinedSession | 'of-server'>
  /** `undefined` once the service is gone. */
  readonly served: () => Served | undefined
  /** What of a service's credential must not come back. */
  readonly secretOf: (service: Service) => string | undefined
  readonly resource: ResourceHook | undefined
  /** Counts what a caller has under way; answers how to leave, or `undefined` where it is enough. */
  readonly enter: (bearer: Bearer) => (() => void) | undefined
}

/** One exchange as those who answer a part of its messages see it. */
export interface Answering {
  readonly door: Door
  readonly answer: Pick<ClientAnswer, 'whole'>
  /** A whole answer of our own: JSON, of status 200. */
  say(body: Uint8Array, headers?: Headers): void
}
