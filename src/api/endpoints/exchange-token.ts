/** POST /oauth/token: a proof of identity (RFC 8693) or a confirmed device code (RFC 8628) in, a short Remit token out. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { pollDevice } from '../../control/device-sign-in.ts'
import { exchangeToken as exchange } from '../../control/exchange-token.ts'
import type { OAuthError } from '../../wire/problems.ts'
import { grantTypes, type TokenAnswer, tokenTypes } from '../../wire/tokens.ts'
import { type Answer, json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { DevicePolls } from '../device-polls.ts'
import type { ApiParts, Visit } from '../parts.ts'

const token = z.string().min(1).max(16_384)
const input = z.strictObject({
  grant_type: z.string().max(100),
  subject_token: token.optional(),
  subject_token_type: z.string().max(100).optional(),
  actor_token: token.optional(),
  actor_token_type: z.string().max(100).optional(),
  requested_token_type: z.literal(tokenTypes.accessToken).optional(),
  audience: z.string().max(300).optional(),
  scope: z
    .string()
    .regex(/^grant:grn_[0-9A-Z]{26}$/, 'written grant:grn_…')
    .optional(),
  device_code: z.string().max(200).optional(),
})
type Form = z.output<typeof input>

export const exchangeToken = endpoint({
  says: 'a proof of identity, or the device code of a confirmed command line, in; a short Remit token out (RFC 8693, RFC 8628)',
  method: 'POST',
  path: '/oauth/token',
  caller: 'nobody',
  perMinuteMax: 600,
  records: { nothing: 'a token ends with its grant, or after a quarter of an hour; what it is used for is recorded' },
  takes: 'form',
  bodyBytesMax: 65_536,
  refuses: 'oauth',
  input,
  run: (api, form, from) => {
    switch (form.grant_type) {
      case grantTypes.tokenExchange:
        return exchangeProof(api, form, from)
      case grantTypes.deviceCode:
        return poll(api, form, from)
      default:
        return error('unsupported_grant_type', 'taken are token-exchange and device_code')
    }
  },
})

async function exchangeProof(api: ApiParts, form: Form, from: Visit): Promise<Result<Answer>> {
  const { subject_token: subjectToken, subject_token_type: subjectTokenType } = form
  if (subjectToken === undefined || subjectTokenType === undefined)
    return refuse('input.invalid', { detail: 'subject_token and subject_token_type are needed' })
  if ((form.actor_token === undefined) !== (form.actor_token_type === undefined))
    return refuse('input.invalid', { detail: 'actor_token and actor_token_type come together' })
  if (form.device_code !== undefined) return refuse('input.invalid', { detail: 'device_code belongs to the other grant type' })
  const exchanged = await exchange(api.desk, {
    subjectToken,
    subjectTokenType,
    ...(form.actor_token === undefined ? {} : { actorToken: form.actor_token }),
    ...(form.actor_token_type === undefined ? {} : { actorTokenType: form.actor_token_type }),
    ...(form.audience === undefined ? {} : { audience: form.audience }),
    ...(form.scope === undefined ? {} : { grant: form.scope.slice('grant:'.length) }),
    address: from.address,
  })
  if (!exchanged.ok) return exchanged
  const { expiresAt } = exchanged.value
  return done(
    json(
      tokenAnswer(api.handOver(exchanged.value.token), {
        expiresAt,
        now: from.at,
        ...(form.scope === undefined ? {} : { scope: form.scope }),
      }),
    ),
  )
}

const polls = new WeakMap<ApiParts, DevicePolls>()

async function poll(api: ApiParts, form: Form, from: Visit): Promise<Result<Answer>> {
  const { device_code: code, grant_type, ...rest } = form
  if (code === undefined || Object.keys(rest).length > 0)
    return refuse('input.invalid', { detail: `${grant_type} takes device_code and nothing else` })
  const counted = polls.get(api) ?? new DevicePolls()
  polls.set(api, counted)
  if (!counted.mayPoll(code, from.at)) return error('slow_down', 'wait five seconds longer between two polls')
  const polled = await pollDevice(api.desk, code, from.address)
  if (!polled.ok) return polled
  switch (polled.value.state) {
    case 'waiting':
      return error('authorization_pending', 'nobody has confirmed this command line yet')
    case 'ended':
      return error('expired_token', 'this device code is unknown, used or has ended')
    case 'confirmed':
      return done(json(tokenAnswer(api.handOver(polled.value.token), { expiresAt: polled.value.expiresAt, now: from.at })))
  }
}

function tokenAnswer(access: string, ends: { readonly expiresAt: number; readonly now: number; readonly scope?: string }): TokenAnswer {
  const { expiresAt, now, scope } = ends
  return {
    access_token: access,
    issued_token_type: tokenTypes.accessToken,
    token_type: 'Bearer',
    expires_in: Math.max(0, Math.floor((expiresAt - now) / 1_000)),
    ...(scope === undefined ? {} : { scope }),
  }
}

function error(name: OAuthError['error'], description: string): Result<Answer> {
  return done({ kind: 'oauth-error', error: { error: name, error_description: description } })
}
