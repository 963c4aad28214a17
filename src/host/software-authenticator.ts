/** A passkey in software, with the part of the browser that asks it: for the demo and for tests, never for a person. */
import { createHash, createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes, sign } from 'node:crypto'
import { z } from 'zod'

/** How its passkeys name their maker: the letters `remit-software-1`. Taken in a demo folder only. */
export const softwareAaguid = '72656d69-742d-736f-6674-776172652d31'

/** What it reads of `PublicKeyCredentialCreationOptionsJSON`. */
export interface CreationOptions {
  readonly challenge: string
  readonly rp: { readonly id?: string }
  readonly user: { readonly id: string }
  readonly pubKeyCredParams: readonly { readonly alg: number }[]
  readonly excludeCredentials?: readonly { readonly id: string }[]
}

/** What it reads of `PublicKeyCredentialRequestOptionsJSON`. */
export interface RequestOptions {
  readonly challenge: string
  readonly rpId?: string
  readonly allowCredentials?: readonly { readonly id: string }[]
}

/** A `RegistrationResponseJSON`. */
export interface RegistrationAnswer extends Answer {
  readonly response: { readonly clientDataJSON: string; readonly attestationObject: string; readonly transports: readonly string[] }
}

/** An `AuthenticationResponseJSON`. */
export interface AssertionAnswer extends Answer {
  readonly response: {
    readonly clientDataJSON: string
    readonly authenticatorData: string
    readonly signature: string
    readonly userHandle: string
  }
}

interface Answer {
  readonly id: string
  readonly rawId: string
  readonly type: 'public-key'
  readonly clientExtensionResults: Readonly<Record<string, never>>
}

interface Held {
  readonly id: string
  readonly rpId: string
  readonly userHandle: string
  readonly key: KeyObject
}

const es256 = -7
const flags = { userPresent: 0x01, userVerified: 0x04, attested: 0x40 }

const savedShape = z.strictObject({
  version: z.literal(1),
  counter: z.int().min(0),
  passkeys: z.array(z.strictObject({ id: z.string(), rpId: z.string(), userHandle: z.string(), key: z.string() })),
})

/** Holds ES256 passkeys. Throws where a browser would reject: another site's page, a known credential, none that is allowed. */
export class SoftwareAuthenticator {
  /** Whether it says that it verified its user. Tests switch it off to see the answer refused. */
  userVerified = true
  #counter = 0
  #held: Held[] = []

  /** `navigator.credentials.create`, on a page of `origin`. */
  register(options: CreationOptions, origin: string): RegistrationAnswer {
    const rpId = siteOf(options.rp.id, origin)
    if (!options.pubKeyCredParams.some(({ alg }) => alg === es256)) throw new Error('the site takes no ES256 key')
    if (options.excludeCredentials?.some(({ id }) => this.#held.some((held) => held.id === id)))
      throw new Error('there is a passkey for this site already')
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const rawId = randomBytes(32)
    const held = { id: rawId.toString('base64url'), rpId, userHandle: options.user.id, key: privateKey }
    const { x = '', y = '' } = publicKey.export({ format: 'jwk' })
    // COSE_Key (RFC 9053 §7.1.1): kty EC2, alg ES256, crv P-256, x, y.
    const coseKey = encodeCbor(
      new Map<number, Cbor>([
        [1, 2],
        [3, es256],
        [-1, 1],
        [-2, Buffer.from(x, 'base64url')],
        [-3, Buffer.from(y, 'base64url')],
      ]),
    )
    const length = Buffer.alloc(2)
    length.writeUInt16BE(rawId.byteLength)
    const aaguid = Buffer.from(softwareAaguid.replaceAll('-', ''), 'hex')
    const authData = Buffer.concat([this.#head(rpId, flags.attested), aaguid, length, rawId, coseKey])
    const attestation = encodeCbor(
      new Map<string, Cbor>([
        ['fmt', 'none'],
        ['attStmt', new Map()],
        ['authData', authData],
      ]),
    )
    this.#held.push(held)
    const clientDataJSON = clientData('webauthn.create', options.challenge, origin).toString('base64url')
    return answer(held.id, { clientDataJSON, attestationObject: attestation.toString('base64url'), transports: ['internal'] })
  }

  /** `navigator.credentials.get`, on a page of `origin`. */
  sign(options: RequestOptions, origin: string): AssertionAnswer {
    const rpId = siteOf(options.rpId, origin)
    const { allowCredentials = [] } = options
    const held = this.#held.find(
      (one) => one.rpId === rpId && (allowCredentials.length === 0 || allowCredentials.some(({ id }) => id === one.id)),
    )
    if (held === undefined) throw new Error('there is no passkey here that may answer')
    this.#counter += 1
    const authenticatorData = this.#head(rpId, 0)
    const client = clientData('webauthn.get', options.challenge, origin)
    const signature = sign('sha256', Buffer.concat([authenticatorData, sha256(client)]), held.key)
    return answer(held.id, {
      clientDataJSON: client.toString('base64url'),
      authenticatorData: authenticatorData.toString('base64url'),
      signature: signature.toString('base64url'),
      userHandle: held.userHandle,
    })
  }

  /** All of it as JSON text, private keys included. */
  save(): string {
    const passkeys = this.#held.map(({ key, ...rest }) => ({
      ...rest,
      key: key.export({ format: 'der', type: 'pkcs8' }).toString('base64url'),
    }))
    return JSON.stringify({ version: 1, counter: this.#counter, passkeys })
  }

  /** Throws on what `save` did not write. */
  static restore(text: string): SoftwareAuthenticator {
    const { counter, passkeys } = savedShape.parse(JSON.parse(text))
    const authenticator = new SoftwareAuthenticator()
    authenticator.#counter = counter
    authenticator.#held = passkeys.map(({ key, ...rest }) => ({
      ...rest,
      key: createPrivateKey({ key: Buffer.from(key, 'base64url'), format: 'der', type: 'pkcs8' }),
    }))
    return authenticator
  }

  /** The first 37 bytes of authenticator data: hash of the site, flags, counter. */
  #head(rpId: string, more: number): Buffer {
    const rest = Buffer.alloc(5)
    rest.writeUInt8(flags.userPresent | (this.userVerified ? flags.userVerified : 0) | more)
    rest.writeUInt32BE(this.#counter, 1)
    return Buffer.concat([sha256(rpId), rest])
  }
}

/** The site a page may speak for: its own host, or one it lies under. */
function siteOf(rpId: string | undefined, origin: string): string {
  const { hostname } = new URL(origin)
  if (rpId === undefined || rpId === hostname) return hostname
  if (!hostname.endsWith(`.${rpId}`)) throw new Error(`a page of ${origin} may not ask for passkeys of ${rpId}`)
  return rpId
}

function answer<R>(id: string, response: R): Answer & { readonly response: R } {
  return { id, rawId: id, type: 'public-key', response, clientExtensionResults: {} }
}

/** As browsers write it (WebAuthn §5.8.1.1). */
function clientData(type: string, challenge: string, origin: string): Buffer {
  return Buffer.from(JSON.stringify({ type, challenge, origin, crossOrigin: false }))
}

function sha256(bytes: string | Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

type Cbor = number | string | Uint8Array | ReadonlyMap<number | string, Cbor>

/** The few kinds of CBOR (RFC 8949) that an attestation needs, in their shortest form; maps keep the order given. */
function encodeCbor(value: Cbor): Buffer {
  if (typeof value === 'number') return value >= 0 ? cborHead(0, value) : cborHead(1, -1 - value)
  if (typeof value === 'string') return Buffer.concat([cborHead(3, Buffer.byteLength(value)), Buffer.from(value)])
  if (value instanceof Uint8Array) return Buffer.concat([cborHead(2, value.byteLength), value])
  return Buffer.concat([cborHead(5, value.size), ...[...value].flatMap(([key, held]) => [encodeCbor(key), encodeCbor(held)])])
}

function cborHead(major: number, count: number): Buffer {
  if (count < 24) return Buffer.from([(major << 5) | count])
  if (count < 0x1_00) return Buffer.from([(major << 5) | 24, count])
  if (count < 0x1_00_00) return Buffer.from([(major << 5) | 25, count >> 8, count & 0xff])
  throw new Error('an attestation is smaller')
}
