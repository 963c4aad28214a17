/** The part of POST /oauth/token that OAuth clients call: a code or a refresh token in, tokens out (RFC 6749 § 4.1.3 and § 6). */
import type { JsonValue } from '../kernel/json.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Redeemed, redeemCode, refreshTokens } from '../control/authorization-code-tokens.ts'
import type { OAuthError } from '../wire/problems.ts'
import type { ClientTokenAnswer } from '../wire/tokens.ts'
import { type Answer, json } from './answers.ts'
import type { ApiParts, Visit } from './parts.ts'

/** The members of the form that these two take; others are left alone (RFC 6749 § 3.2). */
export interface ClientForm {
  readonly code?: string | undefined
  readonly redirect_uri?: string | undefined
  readonly code_verifier?: string | undefined
  readonly client_id?: string | undefined
  readonly client_secret?: JsonValue | undefined
  readonly resource?: string | undefined
  readonly refresh_token?: string | undefined
  readonly scope?: string | undefined
}

export async function codeForTokens(api: ApiParts, form: ClientForm, from: Visit): Promise<Result<Answer>> {
  const flaw = flawOfClient(form, from)
  if (flaw !== undefined) return flaw
  const { code, redirect_uri: redirect, code_verifier: verifier, client_id: client = '', resource } = form
  if (code === undefined || redirect === undefined || verifier === undefined)
    return error('invalid_request', 'code, redirect_uri and code_verifier are needed')
  if (resource === undefined) return error('invalid_target', 'resource is missing')
  return answer(api, await redeemCode(api.desk, { code, redirect, verifier, client, resource }), from)
}

export async function refreshForTokens(api: ApiParts, form: ClientForm, from: Visit): Promise<Result<Answer>> {
  const flaw = flawOfClient(form, from)
  if (flaw !== undefined) return flaw
  const { refresh_token: token, client_id: client = '', resource, scope } = form
  if (token === undefined) return error('invalid_request', 'refresh_token is missing')
  const refreshing = { token, client, ...(resource === undefined ? {} : { resource }), ...(scope === undefined ? {} : { scope }) }
  return answer(api, await refreshTokens(api.desk, refreshing), from)
}

/** Clients are public here: whoever claims to have a secret was misled, and would go on sending it. */
function flawOfClient(form: ClientForm, { headers }: Visit): Result<Answer> | undefined {
  if (headers['authorization'] !== undefined || form.client_secret !== undefined)
    return error('invalid_client', 'clients have no secret here: token_endpoint_auth_method is none')
  return form.client_id === undefined ? error('invalid_request', 'client_id is missing') : undefined
}

function answer(api: ApiParts, redeemed: Result<Redeemed>, { at }: Visit): Result<Answer> {
  if (!redeemed.ok) return redeemed
  if (redeemed.value.kind === 'failure') return error(redeemed.value.error, redeemed.value.says)
  const { access, expiresAt, refresh, scope } = redeemed.value.tokens
  return done(
    json({
      access_token: api.handOver(access),
      token_type: 'Bearer',
      expires_in: Math.max(0, Math.floor((expiresAt - at) / 1_000)),
      ...(refresh === undefined ? {} : { refresh_token: api.handOver(refresh) }),
      scope: scope.join(' '),
    } satisfies ClientTokenAnswer),
  )
}

function error(name: OAuthError['error'], description: string): Result<Answer> {
  return done({ kind: 'oauth-error', error: { error: name, error_description: description } })
}
