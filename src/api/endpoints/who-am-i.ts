/** GET /v1/whoami: who the caller is to Remit, and what may be done at its desk. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import type { Caller, Desk } from '../../control/desk.ts'
import { callerMay } from '../../control/rights.ts'
import { deskActions } from '../../model/identities.ts'
import type { WhoamiView } from '../../wire/identities.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { exceptionView } from '../exception-views.ts'
import { identityView } from '../views.ts'

export const whoAmI = endpoint({
  says: 'who the caller is, for whom it acts, and what it may do at the desk',
  method: 'GET',
  path: '/v1/whoami',
  caller: 'identity',
  perMinuteMax: 300,
  records: { nothing: 'it shows the caller to itself' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api, _input, { caller, at }) => {
    const { claims } = caller
    const exceptions = [...api.desk.facts.exceptionsOf(caller.actor.id)].filter((each) => each.state === 'active' && at < each.expiresAt)
    return done(
      json({
        space: api.desk.space,
        identity: identityView(api.desk, caller.actor),
        chain: caller.chain.map((link) => link.name),
        desk: deskActions.filter((action) => callerMay(api.desk, caller, action).ok),
        ...deskUnder(api.desk, caller),
        exceptions: exceptions.map((each) => exceptionView(api.desk, each, [])),
        token: {
          expiresAt: formatInstant(claims.expiresAt),
          provedBy: provedBy(claims.provedBy),
          ...(claims.grant === undefined ? {} : { grant: claims.grant }),
        },
      } satisfies WhoamiView),
    )
  },
})

/** The grant or exception that each right at the desk comes from; what stands by policy comes from none. */
function deskUnder(desk: Desk, caller: Caller): Pick<WhoamiView, 'deskUnder'> {
  const under = deskActions.flatMap((action) => {
    const may = callerMay(desk, caller, action)
    return may.ok && may.value.under !== undefined ? [[action, may.value.under] as const] : []
  })
  return under.length === 0 ? {} : { deskUnder: Object.fromEntries(under) }
}

function provedBy(proof: string): WhoamiView['token']['provedBy'] {
  if (proof.startsWith('crd_')) return 'api-secret'
  return proof.startsWith('pks_') ? 'passkey' : 'issuer'
}
