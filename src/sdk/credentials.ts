/** How a client proves who it is, and the tokens it is given for that (RFC 8693, RFC 8628). */
import { grantTypes, type TokenAnswer, tokenTypes } from '../wire/tokens.ts'
import type { DeviceAuthorizationAnswer } from '../wire/tokens.ts'
import { callApi, type Line } from './http-calls.ts'
import { oauthErrorOf, parseAnswer } from './parse-answers.ts'
import { pause } from './pause.ts'
import { RemitRefusal, RemitUnreachable } from './remit-refusal.ts'

/** The text itself, or where to get it anew: a CI system renews its JWT while a job runs. */
export type Proof = string | (() => string | Promise<string>)

/** An API secret, a JWT of a configured issuer, or a Remit token for control. */
export type Credential = { readonly secret: Proof } | { readonly jwt: Proof } | { readonly token: Proof }

export interface Exchange {
  readonly credential: Credential
  /** For whom this caller acts: their Remit token for control. */
  readonly actsFor?: Proof
  readonly audience?: string
  readonly grant?: string | undefined
}

/** One token exchange. Repeating it is harmless: it only makes one more short token. */
export async function exchangeCredential(line: Line, { credential, actsFor, audience, grant }: Exchange): Promise<TokenAnswer> {
  const own = await present(credential)
  const subject = actsFor === undefined ? own : { token: await proofText(actsFor), type: tokenTypes.accessToken }
  const form = {
    grant_type: grantTypes.tokenExchange,
    subject_token: subject.token,
    subject_token_type: subject.type,
    ...(actsFor === undefined ? {} : { actor_token: own.token, actor_token_type: own.type }),
    ...(audience === undefined ? {} : { audience }),
    ...(grant === undefined ? {} : { scope: `grant:${grant}` }),
  }
  return tokenAnswer(line, await callApi(line, { method: 'POST', path: '/oauth/token', form, repeatable: true }))
}

async function present(credential: Credential): Promise<{ readonly token: string; readonly type: string }> {
  if ('secret' in credential) return { token: await proofText(credential.secret), type: tokenTypes.apiSecret }
  if ('jwt' in credential) return { token: await proofText(credential.jwt), type: tokenTypes.jwt }
  return { token: await proofText(credential.token), type: tokenTypes.accessToken }
}

export async function proofText(proof: Proof): Promise<string> {
  return typeof proof === 'string' ? proof : proof()
}

/** A person's sign-in from a command line that has begun: show the page and the code, then wait. */
export interface DeviceSignIn {
  readonly userCode: string
  readonly page: string
  /** With the code filled in. */
  readonly pageWithCode: string
  /** Seconds. */
  readonly expiresIn: number
  /** Resolves once the person has confirmed on the page. Throws `RemitRefusal` when it was refused or took too long. */
  readonly confirmed: (signal?: AbortSignal) => Promise<TokenAnswer>
}

/** Begins the device flow (RFC 8628). */
export async function beginDeviceSignIn(line: Line): Promise<DeviceSignIn> {
  const value = await callApi(line, { method: 'POST', path: '/oauth/device_authorization', form: {} })
  const answer = parseAnswer<DeviceAuthorizationAnswer>(value, 'device_code')
  if (answer === undefined) throw new RemitUnreachable(line.url, 'what answers there is not Remit')
  return {
    userCode: answer.user_code,
    page: answer.verification_uri,
    pageWithCode: answer.verification_uri_complete,
    expiresIn: answer.expires_in,
    confirmed: (signal) => pollDevice(line, answer, signal),
  }
}

/** RFC 8628 §3.5: no faster than asked, slower when told, over a connection that may fail for a while. */
async function pollDevice(line: Line, answer: DeviceAuthorizationAnswer, signal: AbortSignal | undefined): Promise<TokenAnswer> {
  const form = { grant_type: grantTypes.deviceCode, device_code: answer.device_code }
  let everyMs = answer.interval * 1_000
  for (;;) {
    await pause(everyMs, signal)
    try {
      const call = { method: 'POST', path: '/oauth/token', form, ...(signal === undefined ? {} : { signal }) } as const
      return tokenAnswer(line, await callApi(line, call))
    } catch (thrown) {
      const error = thrown instanceof RemitRefusal ? oauthErrorOf(thrown.problem) : undefined
      if (error === 'slow_down') everyMs += 5_000
      else if (error !== 'authorization_pending') throw thrown
    }
  }
}

function tokenAnswer(line: Line, value: unknown): TokenAnswer {
  const answer = parseAnswer<TokenAnswer>(value, 'access_token')
  if (answer === undefined) throw new RemitUnreachable(line.url, 'what answers there is not Remit')
  return answer
}

/** A token that was handed to us: whoever made it knows its end. */
export function givenToken(token: string): TokenAnswer {
  return { access_token: token, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token', token_type: 'Bearer', expires_in: 60 }
}
