/** Control as a gateway of the same process sees it: the port between them, without a wire. */
import type { SessionId } from '../kernel/ids.ts'
import { authorize, finish, recordRefused, stands } from './authorize.ts'
import type { Gate } from './gate.ts'
import { holdAnswered } from './holds.ts'
import { gatewayAudience, identify, TokenReader } from './identify.ts'
import type { GatewayControl } from './ports.ts'
import { followReferences, upstreamSecret } from './upstream-secret.ts'

/** The port for one gateway. From here on the gateway follows the facts: each commit is applied, cuts included, before it is confirmed. */
export function gatewayControl(gate: Gate): GatewayControl {
  const { desk } = gate
  const reader = new TokenReader(desk, gatewayAudience(desk.space, gate.gateway))
  const endings = listenToEndings(gate)
  desk.facts.joined(gate.gateway)
  followReferences(desk, gate.gateway)
  desk.facts.onChange((change) => {
    if (change.kind === 'service') followReferences(desk, gate.gateway)
  })
  return {
    gateway: gate.gateway,
    space: desk.space,
    services: () => desk.facts.services(),
    service: (name) => desk.facts.service(name),
    upstreamSecret: (service) => upstreamSecret(desk, service),
    identify: (token, address) => identify(desk, reader, token, address),
    authorize: (call) => authorize(gate, call),
    stands: (decision) => stands(gate, decision),
    finish: (decision, outcome) => finish(gate, decision, outcome),
    refused: (input) => recordRefused(gate, input),
    holdAnswered: (hold, wait, signal) => holdAnswered(desk, hold, wait, signal),
    onEnd: endings,
    onServices: (listener) => {
      desk.facts.onChange((change) => {
        if (change.kind === 'service') listener()
      })
    },
  }
}

/** Who wants to hear of the end of which session; forgotten once told. */
function listenToEndings(gate: Gate): GatewayControl['onEnd'] {
  const cuts = new Map<SessionId, Set<(reason: string) => void>>()
  gate.desk.facts.onChange((change) => {
    if (change.kind === 'grant' && 'record' in change && change.record.endedAt !== undefined) gate.activity.forget(change.record.id)
    if (change.kind !== 'session' || !('record' in change) || change.record.state === 'live') return
    gate.refusals.delete(change.record.id)
    const reason = gate.desk.facts.grant(change.record.grant)?.ending?.how ?? 'ended'
    for (const cut of cuts.get(change.record.id) ?? []) cut(reason)
    cuts.delete(change.record.id)
  })
  return (session, cut) => {
    const ofSession = cuts.get(session) ?? new Set()
    cuts.set(session, ofSession)
    ofSession.add(cut)
    return () => {
      ofSession.delete(cut)
      if (ofSession.size === 0 && cuts.get(session) === ofSession) cuts.delete(session)
    }
  }
}
