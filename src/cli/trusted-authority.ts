/** Which authority is believed for Remit's certificate, where it is one that systems do not know. */
import { X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import * as tls from 'node:tls'
import { usageFailure } from './failures.ts'
import type { Io } from './io.ts'

const bytesMax = 1_048_576

/**
 * Believes the certificates in this file (PEM), and no others, for every connection of this program: it speaks with Remit alone. Nothing
 * happens where neither the option nor `REMIT_CA_FILE` names one.
 */
export async function trustAuthority(env: Io['env'], named: string | undefined): Promise<void> {
  const path = named ?? env['REMIT_CA_FILE'] ?? ''
  if (path === '') return
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    throw usageFailure(`the file of the authority cannot be read: ${path}`, thrown instanceof Error ? thrown.message.split(',')[0] : '')
  })
  const certificates = text.length > bytesMax ? [] : (text.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [])
  if (certificates.length === 0 || !certificates.every(isCertificate))
    throw usageFailure(`this file holds no certificate: ${path}`, 'give the one that remit trust --pem prints')
  // Node has it from 24.5 on.
  if (!('setDefaultCACertificates' in tls))
    throw usageFailure('this Node cannot take an authority while it runs', `set NODE_EXTRA_CA_CERTS=${path} in place of it`)
  tls.setDefaultCACertificates(certificates)
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).raw.byteLength > 0
  } catch {
    return false
  }
}
