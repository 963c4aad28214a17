/** What the browser is asked for: a new passkey, or a signature by one (WebAuthn Level 2, as JSON). */
import type { CreationOptions, RequestOptions } from '../../wire/pages.ts'

/** EdDSA, ES256, RS256. */
const algorithms = [-8, -7, -257]
const timeout = 300_000

export function creationOptions(asked: {
  readonly challenge: string
  readonly rpId: string
  readonly person: { readonly id: string; readonly name: string }
}): CreationOptions {
  return {
    challenge: asked.challenge,
    rp: { id: asked.rpId, name: 'Remit' },
    user: { id: Buffer.from(asked.person.id).toString('base64url'), name: asked.person.name, displayName: asked.person.name },
    pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    attestation: 'none',
    timeout,
  }
}

/** No passkeys named: any of this site may answer, and says who it is. */
export function requestOptions(asked: {
  readonly challenge: string
  readonly rpId: string
  readonly credentialIds: readonly string[]
}): RequestOptions {
  return {
    challenge: asked.challenge,
    rpId: asked.rpId,
    allowCredentials: asked.credentialIds.map((id) => ({ type: 'public-key', id })),
    userVerification: 'required',
    timeout,
  }
}
