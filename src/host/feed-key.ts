/** The key of a gateway that runs elsewhere, and what it shows and asks with it. Nothing here takes a library: a gateway starts lean. */
import { createHash, createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign, X509Certificate } from 'node:crypto'
import { join } from 'node:path'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { tagged } from './der.ts'
import { checkKeyFolder, readKeyFile, writeKeyFile } from './key-files.ts'

const keyFile = 'gateway.pem'

/** The EC P-256 key of the folder, made if there is none. Refuses `configuration.invalid` where others could have had it, or it is another. */
export async function loadOrMakeFeedKey(folder: string): Promise<Result<KeyObject>> {
  const checked = await checkKeyFolder(folder)
  if (!checked.ok) return checked
  const path = join(folder, keyFile)
  const text = await readKeyFile(path)
  if (text?.ok === false) return text
  if (text === undefined) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeKeyFile(folder, keyFile, privateKey.export({ format: 'pem', type: 'pkcs8' }).toString())
    return done(privateKey)
  }
  const key = readPrivateKey(text.value)
  return key === undefined
    ? refuse('configuration.invalid', { detail: `${path} does not hold an EC P-256 private key (PKCS8, PEM)` })
    : done(key)
}

function readPrivateKey(text: string): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: text, format: 'pem' })
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1' ? key : undefined
  } catch {
    // The error of the parser could quote the file, so it goes no further.
    return undefined
  }
}

/** SHA-256 of the public key (SPKI) in hex: what control knows a gateway by. */
export function keyHash(key: KeyObject): string {
  const spki = (key.type === 'private' ? createPublicKey(key) : key).export({ format: 'der', type: 'spki' })
  return createHash('sha256').update(spki).digest('hex')
}

/** SHA-256 of a certificate (DER), in base64url. */
export function certificateHash(pem: string): string {
  return createHash('sha256').update(new X509Certificate(pem).raw).digest('base64url')
}

/** ecdsa-with-SHA256 (RFC 5758), as an AlgorithmIdentifier. */
const ecdsaSha256 = tagged(0x30, tagged(0x06, Buffer.from([0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02])))

/** A certificate request (PKCS #10, RFC 2986) in PEM: of nobody by name, since control says who it is by its key. */
export function certificateRequest(key: KeyObject): string {
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' })
  const [version, noName, noAttributes] = [tagged(0x02, Buffer.from([0])), tagged(0x30, Buffer.alloc(0)), tagged(0xa0, Buffer.alloc(0))]
  const what = tagged(0x30, Buffer.concat([version, noName, spki, noAttributes]))
  const signature = tagged(0x03, Buffer.concat([Buffer.from([0]), sign('sha256', what, key)]))
  const der = tagged(0x30, Buffer.concat([what, ecdsaSha256, signature]))
  const lines = der.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN CERTIFICATE REQUEST-----\n${lines.join('\n')}\n-----END CERTIFICATE REQUEST-----\n`
}
