/** Control as a gateway of the same process sees it: the port between them, without a wire. */
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
  followEndings(gate)
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
    onEnd: (session, cut) => gate.endings.listen(session, cut),
    onServices: (listener) => {
      desk.facts.onChange((change) => {
        if (change.kind === 'service') listener()
      })
    },
  }
}

function followEndings({ desk, activity, refusals, endings }: Gate): void {
  desk.facts.onChange((change) => {
    if (change.kind === 'grant' && 'record' in change && change.record.endedAt !== undefined) activity.forget(change.record.id)
    if (change.kind !== 'session' || !('record' in change) || change.record.state === 'live') return
    refusals.delete(change.record.id)
    endings.tell(change.record.id, desk.facts.grant(change.record.grant)?.ending?.how ?? 'ended')
  })
}
