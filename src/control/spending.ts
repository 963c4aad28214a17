/** What has to stand at home before an action is forwarded: that its session reads what anybody may have written, and what it uses up. */
import type { Answer } from '../decision/decide.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Action } from '../model/actions.ts'
import type { Session } from '../model/grants.ts'
import { findRoute } from '../model/services.ts'
import type { Gate } from './gate.ts'
import type { Settlement } from './home-port.ts'
import type { Call } from './ports.ts'

/** Whether this action's result may be anybody's words, and its session is not known to have read such words. */
export function mustMark({ facts, marked }: Pick<Gate, 'facts' | 'marked'>, session: Session, action: Action): boolean {
  if (action.protocol !== 'mcp' || marked.has(session.id)) return false
  const service = facts.service(action.service)
  const route = service === undefined ? undefined : findRoute(service, action.operation)
  return route?.trust !== 'trusted'
}

/** What is asked for at home beyond the decision. */
export function settlement({ bearer, action, material }: Call, { answer, session }: Settling): Settlement {
  return {
    bearer,
    action,
    ...(material === undefined ? {} : { material }),
    grant: answer.grant.id,
    session: session.id,
    ...(answer.counted ? { line: answer.line } : {}),
  }
}

interface Settling {
  readonly answer: Exclude<Answer, { outcome: 'deny' }>
  readonly session: Session
}

/** Marks first: what is marked and then not forwarded costs a question, what is forwarded and not marked could ask for anything. */
export async function spend(gate: Gate, call: Call, session: Session, settlement: Settlement | undefined): Promise<Result<undefined>> {
  const { bearer, action } = call
  if (mustMark(gate, session, action)) {
    const marked = await gate.home.markUntrusted({ bearer, session, action })
    if (!marked.ok) return marked
    // One that ended meanwhile is never asked about again.
    if (gate.facts.session(session.id)?.state === 'live') gate.marked.add(session.id)
  }
  return settlement === undefined ? done(undefined) : gate.home.settle(settlement)
}
