/** Agents that ask for a grant at a gateway elsewhere: heard where the token itself is shown, and answered by the desk that all others ask. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { isId } from '../kernel/ids.ts'
import type { Desk } from '../control/desk.ts'
import { type Agent, agentDesk } from '../control/own-tools.ts'
import type { AgentDeed, AgentSaid } from './agent-messages.ts'
import { Pace } from './served-limits.ts'

/** Of one gateway: each chain is held back at the gateway itself, and this holds back a gateway that does not. */
const deedsPerSecond = 50
/** What can be asked for is looked through operation by operation: more of that than is done in a second must not pile up. */
const deedsAtOnceMax = 32

export class ServedAgents {
  readonly #desk: Desk
  readonly #pace = new Pace(deedsPerSecond)
  #underWay = 0

  constructor(desk: Desk) {
    this.#desk = desk
  }

  /** The claims are read in the token, never only said. Refuses what the deeds refuse, and `rate.exceeded`. */
  async answer(agent: Agent, deed: AgentDeed): Promise<Result<AgentSaid>> {
    if (!this.#pace.isKept(this.#desk.clock.now())) return refuse('rate.exceeded', { detail: `at most ${deedsPerSecond} a second` })
    if (this.#underWay >= deedsAtOnceMax) return refuse('rate.exceeded', { detail: `at most ${deedsAtOnceMax} at a time` })
    this.#underWay += 1
    try {
      return await this.#do(agent, deed)
    } finally {
      this.#underWay -= 1
    }
  }

  async #do(agent: Agent, deed: AgentDeed): Promise<Result<AgentSaid>> {
    const desk = agentDesk(this.#desk)
    switch (deed.do) {
      case 'eligible': {
        const { do: _, ...filter } = deed
        const found = await desk.eligible(agent, filter)
        return found.ok ? done({ eligible: found.value }) : found
      }
      case 'request': {
        const asked = await desk.request(agent, deed.request)
        return asked.ok ? done({ grants: [asked.value] }) : asked
      }
      case 'status': {
        const { grant } = deed
        if (grant !== undefined && !isId('grn', grant)) return refuse('not-found')
        const grants = await desk.status(agent, grant)
        return grants.ok ? done({ grants: grants.value }) : grants
      }
      case 'done': {
        if (!isId('grn', deed.grant)) return refuse('not-found')
        const ended = await desk.done(agent, deed.grant, deed.reason)
        return ended.ok ? done({ grants: [ended.value] }) : ended
      }
    }
  }
}
