/** What an agent asks of the desk through a gateway elsewhere, and what it is told. */
import type { Askable } from '../control/eligible.ts'
import type { AgentGrant } from '../control/own-tools.ts'
import type { GrantRequest } from '../control/request-grant.ts'

/** What of a request an agent says. */
export type AgentRequest = Pick<GrantRequest, 'task' | 'statement' | 'ticket' | 'scope' | 'duration'>

export type AgentDeed =
  | { readonly do: 'eligible'; readonly task?: string; readonly ticket?: string }
  | { readonly do: 'request'; readonly request: AgentRequest }
  | { readonly do: 'status'; readonly grant?: string }
  | { readonly do: 'done'; readonly grant: string; readonly reason: string }

/** What can be asked for, or grants: as the deed has it. */
export interface AgentSaid {
  readonly grants?: readonly AgentGrant[]
  readonly eligible?: readonly Askable[]
}
