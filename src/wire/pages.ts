/** What the pages' script, and whoever signs in its place, exchanges with the API: options for WebAuthn and what came of them. */
import type { WireObject } from './values.ts'

/** `PublicKeyCredentialCreationOptionsJSON`, the part we set. */
export interface CreationOptions {
  readonly challenge: string
  readonly rp: { readonly id: string; readonly name: string }
  readonly user: { readonly id: string; readonly name: string; readonly displayName: string }
  readonly pubKeyCredParams: readonly { readonly type: 'public-key'; readonly alg: number }[]
  readonly authenticatorSelection: { readonly residentKey: 'preferred'; readonly userVerification: 'required' }
  readonly attestation: 'none'
  /** Milliseconds. */
  readonly timeout: number
}

/** `PublicKeyCredentialRequestOptionsJSON`, the part we set. */
export interface RequestOptions {
  readonly challenge: string
  readonly rpId: string
  readonly allowCredentials: readonly { readonly type: 'public-key'; readonly id: string }[]
  readonly userVerification: 'required'
  /** Milliseconds. */
  readonly timeout: number
}

export interface RegistrationBegin {
  readonly link: string
  /** Only the first administrator chooses one. */
  readonly name?: string
}

export interface RegistrationFinish extends RegistrationBegin {
  readonly challenge: string
  /** `RegistrationResponseJSON`. */
  readonly response: WireObject
}

export interface CreationQuestion {
  readonly challenge: string
  readonly publicKey: CreationOptions
}

export interface SignatureQuestion {
  readonly challenge: string
  readonly publicKey: RequestOptions
}

export interface SignatureFinish {
  readonly challenge: string
  /** `AuthenticationResponseJSON`. */
  readonly response: WireObject
}

/** Answer of a finished registration or sign-in; the cookie comes beside it. */
export interface SignedInView {
  readonly person: string
  readonly expiresAt: string
}

export interface AnswerBegin {
  readonly subject: string
  /** The digest that the person was shown: another one is refused, so that nobody signs what changed meanwhile. */
  readonly digest: string
  readonly decision: 'approve' | 'deny'
  readonly narrowing: NarrowingBody
}

/** What the person takes away: less time, fewer scope lines, fewer uses of a line. */
export interface NarrowingBody {
  /** `15m`. */
  readonly duration?: string
  /** Numbers of the scope lines that stay, from 0. */
  readonly lines?: readonly number[]
  /** By the number of the line as text. */
  readonly uses?: Readonly<Record<string, number>>
}

export interface AnsweredView {
  readonly subject: string
  readonly decision: 'approve' | 'deny'
  /** State of the grant or hold afterwards. */
  readonly state: string
}

export interface DeviceBegin {
  readonly code: string
}

export interface DeviceQuestion extends SignatureQuestion {
  /** Where the command line was started. */
  readonly address: string
}

export interface AuthorizationBegin {
  /** What stood behind the question mark of the page. */
  readonly request: string
  /** Name of an agent of the person. */
  readonly agent: string
}

/** Where the browser goes on to: the client's own address, with a code or with why there is none. */
export interface AuthorizedView {
  readonly to: string
}

export interface DeviceConfirmedView {
  readonly confirmed: true
}
