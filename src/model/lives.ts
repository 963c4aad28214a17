/** Every life that Remit keeps, each as one table: a state is set by `step` and nowhere else. */

export type GrantState = 'requested' | 'pending' | 'approved' | 'active' | 'ended' | 'denied' | 'withdrawn' | 'unclaimed'
export type GrantEvent = 'submit' | 'approve' | 'deny' | 'withdraw' | 'activate' | 'unclaim' | 'end'
export type HoldState = 'waiting' | 'approved' | 'spent' | 'denied' | 'expired' | 'withdrawn'
export type HoldEvent = 'approve' | 'spend' | 'deny' | 'expire' | 'withdraw'
export type SessionState = 'live' | 'ended'
export type SessionEvent = 'end'
export type ExceptionState = 'proposed' | 'active' | 'ended' | 'denied' | 'withdrawn'
export type ExceptionEvent = 'approve' | 'deny' | 'withdraw' | 'end'
export type ChangeSetState = 'proposed' | 'applied' | 'denied' | 'withdrawn' | 'stale' | 'expired'
export type GatewayState = 'invited' | 'enrolled' | 'removed'
export type GatewayEvent = 'enrol' | 'remove'
export type ChangeSetEvent = 'apply' | 'deny' | 'withdraw' | 'outdate' | 'expire'

type Life<State extends string, Event extends string> = Readonly<Record<State, Readonly<Partial<Record<Event, State>>>>>

export const grantLife: Life<GrantState, GrantEvent> = {
  requested: { submit: 'pending', deny: 'denied' },
  pending: { approve: 'approved', deny: 'denied', withdraw: 'withdrawn' },
  approved: { activate: 'active', unclaim: 'unclaimed' },
  active: { end: 'ended' },
  ended: {},
  denied: {},
  withdrawn: {},
  unclaimed: {},
}

export const holdLife: Life<HoldState, HoldEvent> = {
  waiting: { approve: 'approved', deny: 'denied', expire: 'expired', withdraw: 'withdrawn' },
  approved: { spend: 'spent', expire: 'expired', withdraw: 'withdrawn' },
  spent: {},
  denied: {},
  expired: {},
  withdrawn: {},
}

export const sessionLife: Life<SessionState, SessionEvent> = {
  live: { end: 'ended' },
  ended: {},
}

export const exceptionLife: Life<ExceptionState, ExceptionEvent> = {
  proposed: { approve: 'active', deny: 'denied', withdraw: 'withdrawn' },
  active: { end: 'ended' },
  ended: {},
  denied: {},
  withdrawn: {},
}

export const changeSetLife: Life<ChangeSetState, ChangeSetEvent> = {
  proposed: { apply: 'applied', deny: 'denied', withdraw: 'withdrawn', outdate: 'stale', expire: 'expired' },
  applied: {},
  denied: {},
  withdrawn: {},
  stale: {},
  expired: {},
}

export const gatewayLife: Life<GatewayState, GatewayEvent> = {
  invited: { enrol: 'enrolled', remove: 'removed' },
  enrolled: { remove: 'removed' },
  removed: {},
}

/** The state after an event, or `undefined` where the life has no such step. */
export function step<State extends string, Event extends string>(life: Life<State, Event>, state: State, event: Event): State | undefined {
  return life[state][event]
}
