/** The desk as agents reach it through a gateway elsewhere: each deed is a question to control, which sees the agent's own token. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Agent, AgentDesk, AgentGrant } from '../control/own-tools.ts'
import type { AgentDeed, AgentSaid } from './agent-messages.ts'
import type { Standing } from './remote-home.ts'

/** Nothing is asked again: a request that was not answered in time may be there, and `remit_status` tells. */
export function remoteAgentDesk(standing: Standing): AgentDesk {
  const ask = async ({ bearer, token }: Agent, deed: AgentDeed): Promise<Result<AgentSaid>> => {
    const { open } = standing
    if (open === undefined) return refuse('control.unreachable')
    if (open.protocol < 3)
      return refuse('control.unreachable', {
        detail: 'control is of a version that agents ask only in its own process: bring it up to date',
      })
    const { claims, address } = bearer
    const answered = await open.ask({ what: 'agent', claims, address, token, deed })
    if (!answered.ok) return answered
    return answered.value.agent === undefined ? strange : done(answered.value.agent)
  }
  const one = async (agent: Agent, deed: AgentDeed): Promise<Result<AgentGrant>> => {
    const said = await ask(agent, deed)
    const grant = said.ok ? said.value.grants?.[0] : undefined
    if (!said.ok) return said
    return grant === undefined ? strange : done(grant)
  }
  return {
    eligible: async (agent, filter) => {
      const said = await ask(agent, { do: 'eligible', ...filter })
      return said.ok ? done(said.value.eligible ?? []) : said
    },
    request: (agent, { task, statement, ticket, scope, duration }) =>
      one(agent, {
        do: 'request',
        request: { task, statement, scope, ...(ticket === undefined ? {} : { ticket }), ...(duration === undefined ? {} : { duration }) },
      }),
    status: async (agent, id) => {
      const said = await ask(agent, { do: 'status', ...(id === undefined ? {} : { grant: id }) })
      return said.ok ? done(said.value.grants ?? []) : said
    },
    done: (agent, id, reason) => one(agent, { do: 'done', grant: id, reason }),
  }
}

const strange = refuse('control.unreachable', { detail: 'control answered something else' })
