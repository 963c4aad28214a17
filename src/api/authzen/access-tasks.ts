/** A request for a grant as a task of AuthZEN's draft profile: approved means that a person or policy said yes; whoever asked activates it. */
import { accessRequestPath } from '../../control/authzen-requests.ts'
import type { Desk } from '../../control/desk.ts'
import { formatInstant } from '../../kernel/instants.ts'
import type { Grant } from '../../model/grants.ts'
import type { AuthZenTask } from '../../wire/authzen.ts'

type Status = AuthZenTask['task']['status']

/** States of the draft do not go on from approved: a grant that has ended was approved, and its time is over. */
const statuses: Readonly<Record<Grant['state'], Status>> = {
  requested: 'pending',
  pending: 'pending',
  approved: 'approved',
  active: 'approved',
  ended: 'approved',
  denied: 'denied',
  withdrawn: 'cancelled',
  unclaimed: 'expired',
}

export function accessTask(desk: Desk, grant: Grant): AuthZenTask {
  const { id, state, pendingUntil, claimBy, expiresAt, endedAt } = grant
  const { origin } = desk.pages()
  const status = statuses[state]
  const until = endedAt ?? expiresAt ?? claimBy
  return {
    task: {
      id,
      status,
      status_endpoint: `${origin}${accessRequestPath}/${id}`,
      expires_at: formatInstant(pendingUntil),
      links: { ticket: `${origin}/requests/${id}`, ...(state === 'approved' ? { activate: `${origin}/v1/grants/${id}/activate` } : {}) },
    },
    ...(status === 'approved'
      ? { result: { mode: 'reevaluate', approval: { id, ...(until === undefined ? {} : { approved_until: formatInstant(until) }) } } }
      : {}),
  }
}
