/** A gateway over TLS in front of one upstream, for the tests of HTTP/2. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { BasicConstraintsExtension, SubjectAlternativeNameExtension, X509Certificate, X509CertificateGenerator } from '@peculiar/x509'
import type { Clock } from '../../src/control/ports.ts'
import { type HttpGateway, startHttpGateway } from '../../src/gateways/http/gateway.ts'
import type { HttpLimits } from '../../src/gateways/http/limits.ts'
import type { Route } from '../../src/model/services.ts'
import { everyRoute } from './http-gateways.ts'
import { type Rule, RulesControl, systemClock } from './rules-control.ts'
import { service } from './services.ts'
import { keepingLog, type Lifetime } from './upstreams.ts'

export interface SecuredGateway {
  readonly control: RulesControl
  readonly gateway: HttpGateway
  readonly log: ReturnType<typeof keepingLog>
  readonly url: string
  readonly port: number
  readonly certificate: string
}

export interface SecuredOptions {
  readonly upstreamPort: number
  readonly rule?: Rule
  readonly clock?: Clock
  readonly limits?: Partial<HttpLimits>
  readonly routes?: readonly Route[]
}

/** `live` and `other` are tokens of two sessions. */
export async function openSecuredGateway(test: Lifetime, options: SecuredOptions): Promise<SecuredGateway> {
  const { upstreamPort, rule = () => 'allow', clock = systemClock, limits = {}, routes = everyRoute } = options
  const services = [service('shop', `http://127.0.0.1:${upstreamPort}`, routes)]
  const control = new RulesControl({ services, rule, clock, secrets: { shop: 'Bearer upstream-secret-value' } })
  for (const token of ['live', 'other']) control.letIn(token)
  const { key, cert } = await selfSigned()
  const tls = { context: () => ({ key, cert }), onRenewed: () => () => {} }
  const log = keepingLog()
  const gateway = await startHttpGateway({ control, clock, log, limits, listen: { host: '127.0.0.1', tls } })
  // By a clock of its own, because the test's may stand still.
  test.after(() => Promise.race([gateway.close(0), new Promise<void>((resolve) => setTimeout(resolve, 100))]))
  const url = gateway.urls()['shop'] ?? ''
  return { control, gateway, log, url, port: Number(new URL(url).port), certificate: cert }
}

interface Made {
  readonly key: string
  readonly cert: string
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

/** Key and certificate, for an hour. */
export async function selfSigned(name = 'CN=localhost', { isAuthority = false } = {}): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await X509CertificateGenerator.createSelfSigned(
    {
      name,
      keys,
      signingAlgorithm: algorithm,
      notBefore: new Date(Date.now() - 1_000),
      notAfter: new Date(Date.now() + 3_600_000),
      extensions: isAuthority ? [new BasicConstraintsExtension(true, undefined, true)] : [],
    },
    webcrypto,
  )
  return { key: await keyText(keys.privateKey), cert: certificate.toString('pem') }
}

/** Key and certificate for a host name, by an authority that `selfSigned` made. */
export async function signedBy(
  authority: Made,
  { name, until = Date.now() + 3_600_000 }: { readonly name: string; readonly until?: number },
): Promise<Made> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const pkcs8 = Buffer.from(authority.key.replace(/-----[^-]+-----|\s/g, ''), 'base64')
  const certificate = await X509CertificateGenerator.create(
    {
      subject: `CN=${name}`,
      issuer: new X509Certificate(authority.cert).subject,
      publicKey: keys.publicKey,
      signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, algorithm, false, ['sign']),
      signingAlgorithm: algorithm,
      notBefore: new Date(until - 7_200_000),
      notAfter: new Date(until),
      extensions: [new SubjectAlternativeNameExtension([{ type: 'dns', value: name }])],
    },
    webcrypto,
  )
  return { key: await keyText(keys.privateKey), cert: certificate.toString('pem') }
}

async function keyText(privateKey: webcrypto.CryptoKey): Promise<string> {
  const key = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', privateKey)).toString('base64')
  return `-----BEGIN PRIVATE KEY-----\n${key}\n-----END PRIVATE KEY-----`
}
