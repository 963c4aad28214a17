/** POST /oauth/token: a proof of identity (RFC 8693), a confirmed device code (RFC 8628) or a client's code (RFC 6749) in, a short Remit token out. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { pollDevice } from '../../control/device-sign-in.ts'
import { exchangeToken as exchange } from '../../control/exchange-token.ts'
import type { OAuthError } from '../../wire/problems.ts'
import { grantTypes, type TokenAnswer, tokenTypes } from '../../wire/tokens.ts'
import { type Answer, json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { checkInput } from '../input.ts'
import { codeForTokens, refreshForTokens } from '../client-tokens.ts'
import { DevicePolls } from '../device-polls.ts'
import type { ApiParts, Visit } from '../parts.ts'

const token = z.string().min(1).max(16_384)
/** Whoever brings a proof hears of a member that is not known: it could be a limit, and would be forgotten. */
const exchangeInput = z.strictObject({
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
type Form = z.output<typeof exchangeInput>
/** OAuth clients add what they like, which is left alone (RFC 6749 § 3.2). */
const clientInput = z.object({
  code: z.string().max(4_096).optional(),
  redirect_uri: z.string().max(1_000).optional(),
  code_verifier: z.string().max(200).optional(),
  client_id: z.string().max(512).optional(),
  client_secret: z.string().optional(),
  refresh_token: z.string().max(4_096).optional(),
  resource: z.string().max(1_000).optional(),
  scope: z.string().max(4_000).optional(),
})
const input = z.object({ ...exchangeInput.shape, ...clientInput.shape }).catchall(z.string())

export const exchangeToken = endpoint({
  says: 'a proof of identity, the device code of a confirmed command line, or the code of an OAuth client in; a short Remit token out (RFC 8693, RFC 8628, RFC 6749)',
  method: 'POST',
  path: '/oauth/token',
  caller: 'nobody',
  perMinuteMax: 600,
  records: ['credential.issued', 'credential.refreshed', 'credential.revoked'],
  takes: 'form',
  bodyBytesMax: 65_536,
  refuses: 'oauth',
  input,
  run: (api, form, from) => {
    const isClient = form.grant_type === grantTypes.authorizationCode || form.grant_type === grantTypes.refreshToken
    return isClient ? serveClient(api, form, from) : serveProof(api, form, from)
  },
})

async function serveClient(api: ApiParts, given: z.output<typeof input>, from: Visit): Promise<Result<Answer>> {
  const form = checkInput(clientInput, given)
  if (!form.ok) return form
  return given.grant_type === grantTypes.refreshToken ? refreshForTokens(api, form.value, from) : codeForTokens(api, form.value, from)
}

async function serveProof(api: ApiParts, given: z.output<typeof input>, from: Visit): Promise<Result<Answer>> {
  const form = checkInput(exchangeInput, given)
  if (!form.ok) return form
  switch (form.value.grant_type) {
    case grantTypes.tokenExchange:
      return exchangeProof(api, form.value, from)
    case grantTypes.deviceCode:
      return poll(api, form.value, from)
    default:
      return error('unsupported_grant_type', 'taken are authorization_code, refresh_token, token-exchange and device_code')
  }
}

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
