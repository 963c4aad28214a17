/** Control as a gateway sees it: the same port over whatever home its gate has, in this process or across a network. */
import { isId } from '../kernel/ids.ts'
import { gatewayOf } from '../model/gateways.ts'
import { attends, onAttendance } from './attends.ts'
import { authorize, finish, recordRefused, stands, stopReason } from './authorize.ts'
import type { Gate } from './gate.ts'
import { goesOn } from './goes-on.ts'
import { holdAnswered } from './holds.ts'
import { gatewayAudience, identify, TokenReader } from './identify.ts'
import type { GatewayControl } from './ports.ts'
import { readsAlong } from './reads-along.ts'
import { riding } from './riding.ts'
import { visible } from './visible.ts'

/** The port for one gateway. From here on it hears of endings: each commit is applied, cuts included, before it is confirmed. */
export function gatewayControl(gate: Gate): GatewayControl {
  const { facts } = gate
  const reader = new TokenReader(gate, gatewayAudience(gate.space, gate.gateway))
  followEndings(gate)
  return {
    gateway: gate.gateway,
    space: gate.space,
    services: () => facts.services().filter((service) => gatewayOf(service) === gate.gateway),
    service: (name) => {
      const service = facts.service(name)
      return service !== undefined && gatewayOf(service) === gate.gateway ? service : undefined
    },
    upstreamSecret: (service) => gate.secrets.of(service),
    identify: (token, address) => identify(gate, reader, token, address),
    authorize: (call) => authorize(gate, call),
    visible: (bearer, service) => visible(gate, bearer, service),
    riding: (bearer, action) => riding(gate, bearer, action),
    readBefore: (bearer) => gate.home.readBefore(bearer),
    readsAlong: (bearer, service) => readsAlong(gate, bearer, service),
    attends: (bearer, services) => attends(gate, bearer, services),
    onAttendance: (listener) => onAttendance(gate, listener),
    stands: (decision) => stands(gate, decision),
    stopReason: (decision) => stopReason(gate, decision),
    finish: (decision, outcome) => finish(gate, decision, outcome),
    goesOn: (decision) => goesOn(gate, decision),
    refused: (input) => recordRefused(gate, input),
    holdAnswered: (hold, wait, signal) => holdAnswered(gate, hold, wait, signal),
    onEnd: (session, cut) => gate.endings.listen(session, cut),
    onServices: (listener) => {
      facts.onChange((change) => {
        if (change.kind === 'service') listener()
      })
    },
  }
}

function followEndings({ facts, activity, refusals, marked, endings }: Gate): void {
  facts.onChange((change) => {
    if (change.kind === 'grant' && 'record' in change && change.record.endedAt !== undefined) activity.forget(change.record.id)
    if (change.kind !== 'session' || ('record' in change && change.record.state === 'live')) return
    refusals.delete(change.id)
    marked.delete(change.id)
    const session = 'record' in change ? change.record : undefined
    const ended = session === undefined ? 'it is not known here any more' : (facts.grant(session.grant)?.ending?.how ?? 'ended')
    if (isId('ses', change.id)) endings.tell(change.id, ended)
  })
}
