/** Makes certificates (RFC 5280): of an authority for a few names, and of a listener that it vouches for. EC P-256 throughout. */
import 'reflect-metadata'
import { createHash, createPublicKey, randomBytes, webcrypto } from 'node:crypto'
import { isIP, isIPv4 } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  type PublicKey,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509'
import type { Instant } from '../kernel/instants.ts'
import { tagged } from './der.ts'

export interface Made {
  /** PEM. */
  readonly certificate: string
  /** PEM, PKCS8. */
  readonly key: string
}

export interface CertificatePlan {
  readonly commonName: string
  /** Host names and addresses. */
  readonly names: readonly string[]
  readonly from: Instant
  readonly to: Instant
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const

/** It may sign for these names, and for nothing else; and no other authority. Whoever has its key cannot speak for the rest of the world. */
export async function makeAuthority({ commonName, names, from, to }: CertificatePlan): Promise<Made> {
  const keys = await newKeys()
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: newSerial(),
    name: [{ CN: [commonName] }],
    notBefore: new Date(from),
    notAfter: new Date(to),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(true, 0, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
      new Extension('2.5.29.30', true, nameConstraints(names)),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
    ],
  })
  return { certificate: certificate.toString('pem'), key: await asPem(keys) }
}

/** For a server of these names, signed by the authority. */
export async function makeLeaf(authority: Made, { commonName, names, from, to }: CertificatePlan): Promise<Made> {
  const keys = await newKeys()
  const certificate = await sign(authority, keys.publicKey, {
    commonName,
    from,
    to,
    extensions: [
      new ExtendedKeyUsageExtension([ExtendedKeyUsage.serverAuth]),
      new SubjectAlternativeNameExtension(names.map((value) => ({ type: isIP(value) === 0 ? 'dns' : 'ip', value }))),
    ],
  })
  return { certificate, key: await asPem(keys) }
}

/** For a client, over the key of a request that it signed. PEM. */
export function makeClientLeaf(authority: Made, request: CertificateRequest, plan: Omit<CertificatePlan, 'names'>): Promise<string> {
  const extensions = [new ExtendedKeyUsageExtension([ExtendedKeyUsage.clientAuth])]
  return sign(authority, request.publicKey, { ...plan, extensions })
}

export interface CertificateRequest {
  /** As the library has it; for `makeClientLeaf`. */
  readonly publicKey: PublicKey
  /** SHA-256 of the SPKI, in hex. */
  readonly keyHash: string
}

const requestBytesMax = 4_096

/** Reads a certificate request (PKCS #10, PEM): one whose signature shows that whoever asks holds the key, EC P-256. Else nothing. */
export async function readCertificateRequest(pem: string): Promise<CertificateRequest | undefined> {
  if (pem.length > requestBytesMax) return undefined
  try {
    const request = new Pkcs10CertificateRequest(pem)
    const { publicKey } = request
    const key = createPublicKey({ key: Buffer.from(publicKey.rawData), format: 'der', type: 'spki' })
    if (key.asymmetricKeyDetails?.namedCurve !== 'prime256v1' || !(await request.verify())) return undefined
    return {
      publicKey,
      keyHash: createHash('sha256')
        .update(key.export({ format: 'der', type: 'spki' }))
        .digest('hex'),
    }
  } catch {
    // Whatever the parser says of it, it is no request.
    return undefined
  }
}

interface Signing {
  readonly commonName: string
  readonly from: Instant
  readonly to: Instant
  readonly extensions: readonly Extension[]
}

async function sign(
  authority: Made,
  publicKey: PublicKey | webcrypto.CryptoKey,
  { commonName, from, to, extensions }: Signing,
): Promise<string> {
  const issuer = new X509Certificate(authority.certificate)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: newSerial(),
    subject: [{ CN: [commonName] }],
    issuer: issuer.subject,
    notBefore: new Date(from),
    notAfter: new Date(to),
    signingAlgorithm: algorithm,
    publicKey,
    signingKey: await readSigningKey(authority.key),
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      ...extensions,
      await SubjectKeyIdentifierExtension.create(publicKey),
      await AuthorityKeyIdentifierExtension.create(issuer),
    ],
  })
  return certificate.toString('pem')
}

function newKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
}

/** 127 bits of chance, above zero, as RFC 5280 §4.1.2.2 and every browser want it. */
function newSerial(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

async function asPem({ privateKey }: webcrypto.CryptoKeyPair): Promise<string> {
  const der = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey))
  return `-----BEGIN PRIVATE KEY-----\n${(der.toString('base64').match(/.{1,64}/g) ?? []).join('\n')}\n-----END PRIVATE KEY-----\n`
}

function readSigningKey(pem: string): Promise<webcrypto.CryptoKey> {
  const der = Buffer.from(pem.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64')
  return webcrypto.subtle.importKey('pkcs8', der, algorithm, false, ['sign'])
}

/** RFC 5280 §4.2.1.10: permitted subtrees, each a name and what is below it, or one single address. The library has no type for it. */
function nameConstraints(names: readonly string[]): Uint8Array {
  return tagged(0x30, tagged(0xa0, Buffer.concat(names.map(subtreeOf))))
}

function subtreeOf(name: string): Buffer {
  return tagged(0x30, isIP(name) === 0 ? tagged(0x82, Buffer.from(name, 'ascii')) : tagged(0x87, wholeAddress(name)))
}

/** Whether an authority of ours was made for this name. */
export function permits(certificate: string, name: string): boolean {
  const constraints = new X509Certificate(certificate).getExtension('2.5.29.30')
  return constraints !== null && Buffer.from(constraints.value).includes(subtreeOf(name))
}

/** The bytes of an address and a mask that leaves no other. */
function wholeAddress(address: string): Buffer {
  const bytes = isIPv4(address) ? Buffer.from(address.split('.').map(Number)) : ipv6Bytes(address)
  return Buffer.concat([bytes, Buffer.alloc(bytes.byteLength, 0xff)])
}

function ipv6Bytes(address: string): Buffer {
  // The URL parser writes it in its shortest form, a dotted end included.
  const [head = '', tail] = new URL(`http://[${address}]`).hostname.slice(1, -1).split('::')
  const groups = (text: string) => (text === '' ? [] : text.split(':').map((group) => Number.parseInt(group, 16)))
  const [first, last] = [groups(head), groups(tail ?? '')]
  const all = [...first, ...Array.from({ length: 8 - first.length - last.length }, () => 0), ...last]
  return Buffer.from(all.flatMap((group) => [group >> 8, group & 0xff]))
}
