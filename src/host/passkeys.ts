/** Checks what a person's passkey answered (WebAuthn Level 2), and makes the options with which a browser asks it. */
import {
  generateAuthenticationOptions,
  generateRegistrationOptions,
  verifyAuthenticationResponse,
  verifyRegistrationResponse,
} from '@simplewebauthn/server'
import type { PublicKeyCredentialCreationOptionsJSON, PublicKeyCredentialRequestOptionsJSON } from '@simplewebauthn/server'
import { decodeAttestationObject } from '@simplewebauthn/server/helpers'
import { z } from 'zod'
import type { Milliseconds } from '../kernel/instants.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { decodeBase64url } from './jwt-text.ts'
import { softwareAaguid } from './software-authenticator.ts'

/** What the answer must have been made for. */
export interface Expected {
  readonly response: JsonObject
  /** base64url, as it stood in the options. */
  readonly challenge: string
  /** Scheme, host and port of the page. */
  readonly origin: string
  readonly rpId: string
}

export interface RegisteredPasskey {
  /** base64url. */
  readonly credentialId: string
  /** COSE key, base64url. */
  readonly publicKey: string
  readonly counter: number
  readonly software: boolean
}

export interface HostPasskeys {
  /** Refuses `passkey.refused` unless a user was verified at this origin for this challenge. */
  registration(input: Expected): Promise<Result<RegisteredPasskey>>
  /** Refuses `passkey.refused` unless this very passkey signed this challenge at this origin, its user verified, its counter moved on. */
  assertion(input: Expected & RegisteredPasskey): Promise<Result<{ readonly counter: number }>>
}

/** EdDSA, ES256, RS256. */
const algorithms = [-8, -7, -257]
const timeout: Milliseconds = 300_000

const base64url = z
  .string()
  .min(1)
  .max(16_384)
  .regex(/^[\w-]+$/)
const registrationShape = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: base64url, attestationObject: base64url }),
})
const assertionShape = z.object({
  id: base64url,
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({ clientDataJSON: base64url, authenticatorData: base64url, signature: base64url }),
})

/**
 * `acceptSoftware`: whether passkeys of the demo's software authenticator count. It keeps a demo's keys out of a real folder; it
 * cannot tell who else keeps a key in software, since without attestation an authenticator says of itself what it likes.
 */
export function makePasskeys({ acceptSoftware }: { readonly acceptSoftware: boolean }): HostPasskeys {
  return {
    async registration({ response, challenge, origin, rpId }) {
      const parsed = registrationShape.safeParse(response)
      if (!parsed.success || !isPlainClientData(parsed.data.response.clientDataJSON)) return refuse('passkey.refused')
      const { attestationObject } = parsed.data.response
      try {
        if (!isUnattested(attestationObject)) return refuse('passkey.refused', { detail: 'register without attestation' })
        const verified = await verifyRegistrationResponse({
          response: { ...parsed.data, clientExtensionResults: {} },
          expectedChallenge: challenge,
          expectedOrigin: origin,
          expectedRPID: rpId,
          requireUserVerification: true,
          supportedAlgorithmIDs: algorithms,
        })
        if (!verified.verified) return refuse('passkey.refused')
        const { aaguid, credential } = verified.registrationInfo
        // The name in the envelope must be the one that the authenticator gave.
        if (credential.id !== parsed.data.id) return refuse('passkey.refused')
        const software = aaguid === softwareAaguid
        if (software && !acceptSoftware) return refuseSoftware()
        const publicKey = Buffer.from(credential.publicKey).toString('base64url')
        return done({ credentialId: credential.id, publicKey, counter: credential.counter, software })
      } catch {
        // The library throws for every flaw, with words for its programmer.
        return refuse('passkey.refused')
      }
    },
    async assertion({ response, challenge, origin, rpId, credentialId, publicKey, counter, software }) {
      // Only a plain false counts: a caller that does not say which kind it is gets a no.
      const kind: unknown = software
      if (kind !== false && !acceptSoftware) return refuseSoftware()
      const parsed = assertionShape.safeParse(response)
      const key = decodeBase64url(publicKey)
      if (!parsed.success || key === undefined || !isPlainClientData(parsed.data.response.clientDataJSON)) return refuse('passkey.refused')
      // The library does not compare them.
      if (parsed.data.id !== credentialId) return refuse('passkey.refused')
      try {
        const verified = await verifyAuthenticationResponse({
          response: { ...parsed.data, clientExtensionResults: {} },
          expectedChallenge: challenge,
          expectedOrigin: origin,
          expectedRPID: rpId,
          requireUserVerification: true,
          credential: { id: credentialId, publicKey: new Uint8Array(key), counter },
        })
        return verified.verified ? done({ counter: verified.authenticationInfo.newCounter }) : refuse('passkey.refused')
      } catch {
        return refuse('passkey.refused')
      }
    },
  }
}

export interface RegistrationWish {
  /** base64url; at least 16 bytes. */
  readonly challenge: string
  readonly rpId: string
  readonly rpName: string
  readonly user: { readonly id: string; readonly name: string }
  /** Passkeys the person has already: an authenticator holding one of these refuses to make another. */
  readonly known: readonly string[]
}

/** Options for `navigator.credentials.create`: no attestation, user verification required, resident key preferred. */
export function registrationOptions(wish: RegistrationWish): Promise<PublicKeyCredentialCreationOptionsJSON> {
  return generateRegistrationOptions({
    rpName: wish.rpName,
    rpID: wish.rpId,
    userName: wish.user.name,
    userDisplayName: wish.user.name,
    userID: new TextEncoder().encode(wish.user.id),
    challenge: challengeBytes(wish.challenge),
    timeout,
    attestationType: 'none',
    excludeCredentials: wish.known.map((id) => ({ id })),
    authenticatorSelection: { residentKey: 'preferred', userVerification: 'required' },
    supportedAlgorithmIDs: algorithms,
  })
}

export interface AssertionWish {
  readonly challenge: string
  readonly rpId: string
  /** The passkeys that may answer; empty where the person is not known yet, and then any of this site may. */
  readonly allowed: readonly string[]
}

/** Options for `navigator.credentials.get`: user verification required. */
export function assertionOptions(wish: AssertionWish): Promise<PublicKeyCredentialRequestOptionsJSON> {
  return generateAuthenticationOptions({
    rpID: wish.rpId,
    challenge: challengeBytes(wish.challenge),
    timeout,
    userVerification: 'required',
    ...(wish.allowed.length === 0 ? {} : { allowCredentials: wish.allowed.map((id) => ({ id })) }),
  })
}

/** As bytes, since the library takes a string for text and would encode it once more. */
function challengeBytes(challenge: string): Uint8Array<ArrayBuffer> {
  const bytes = decodeBase64url(challenge)
  if (bytes === undefined || bytes.byteLength < 16) throw new Error('a challenge is at least 16 bytes in base64url')
  return new Uint8Array(bytes)
}

/** One reading only, and of a page that is not framed by another site: what is signed there is not what the person sees. */
function isPlainClientData(encoded: string): boolean {
  const bytes = decodeBase64url(encoded)
  const read = bytes === undefined ? undefined : parseJson(bytes, { bytesMax: 16_384 })
  if (read === undefined || !read.ok || !isJsonObject(read.value)) return false
  const { crossOrigin = false, topOrigin } = read.value
  return crossOrigin === false && topOrigin === undefined
}

/** No certificates in it: we ask for none, and the library would fetch revocation lists from where they point. */
function isUnattested(encoded: string): boolean {
  const attestation = decodeAttestationObject(new Uint8Array(Buffer.from(encoded, 'base64url')))
  const format = attestation.get('fmt')
  return format === 'none' || (format === 'packed' && attestation.get('attStmt').get('x5c') === undefined)
}

function refuseSoftware(): Refused {
  return refuse('passkey.refused', { detail: 'software passkeys count in a demo folder only' })
}
