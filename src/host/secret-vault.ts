/** Reads secrets from HashiCorp Vault, or what speaks like it: the KV engine, version 2, over HTTP. */
import { readFile } from 'node:fs/promises'
import { type IncomingMessage, request as requestHttp, type RequestOptions } from 'node:http'
import { Agent, request as requestHttps } from 'node:https'
import { z } from 'zod'
import type { Milliseconds } from '../kernel/instants.ts'
import { reveal, Secret } from '../kernel/secret.ts'
import type { HostClock } from './clock.ts'
import { bareSecret } from './secret-readers.ts'
import { codeOf, type Found, refused, type SecretReader, unreachable } from './secret-source.ts'

/** How this Remit proves itself to Vault. */
export type VaultLogin =
  | { readonly by: 'token'; readonly token: Secret }
  /** Read anew for each question: an agent beside us renews it. */
  | { readonly by: 'token-file'; readonly path: string }
  | { readonly by: 'approle'; readonly mount: string; readonly role: string; readonly secret: Secret }
  | { readonly by: 'kubernetes'; readonly mount: string; readonly role: string; readonly tokenPath: string }

export interface VaultOptions {
  /** Origin; https, or http on this machine. */
  readonly address: string
  readonly namespace?: string
  /** PEM of the authorities that its certificate must lead to; without it those of Node. */
  readonly ca?: string
  readonly login: VaultLogin
  readonly clock: Pick<HostClock, 'now'>
}

const timeoutMs: Milliseconds = 5_000
const answerBytesMax = 1_048_576

const kvAnswer = z.object({
  lease_duration: z.number().nonnegative().optional(),
  data: z.object({ data: z.record(z.string(), z.unknown()).nullable() }),
})
const loginAnswer = z.object({ auth: z.object({ client_token: z.string().min(1).max(4_096), lease_duration: z.number().nonnegative() }) })

interface Answered {
  readonly status: number
  readonly body: unknown
}

/** A reader that signs in when it must, and once more when its token is not taken any more. */
export function makeVaultReader(options: VaultOptions): SecretReader {
  const ask = asker(options)
  let held: { readonly token: Secret; readonly until: number } | undefined
  const tokenNow = async (): Promise<Secret | string> => {
    if (held !== undefined && options.clock.now() < held.until) return held.token
    const fresh = await signIn(options, ask)
    if ('why' in fresh) return fresh.why
    held = fresh
    return fresh.token
  }
  return async (reference) => {
    if (reference.kind !== 'vault') return refused('it is not in Vault')
    const path = `/v1/${reference.mount}/data/${reference.path}`
    for (let attempt = 1; ; attempt += 1) {
      const token = await tokenNow()
      if (typeof token === 'string') return unreachable(token)
      const answered = await ask({ method: 'GET', path, token })
      if (typeof answered === 'string') return unreachable(`Vault cannot be reached: ${answered}`)
      // A token may have ended early; a new one is asked for once.
      if (answered.status === 403 && attempt === 1 && options.login.by !== 'token') held = undefined
      else return readAnswer(answered, reference.field)
    }
  }
}

function readAnswer({ status, body }: Answered, field: string): Found {
  if (status === 404) return refused('Vault has nothing there, or the version is deleted')
  if (status === 403) return refused('Vault does not let this Remit read it')
  if (status === 400) return refused('Vault does not take this path: is the mount a KV engine of version 2?')
  if (status !== 200) return unreachable(`Vault answered ${status}`)
  const read = kvAnswer.safeParse(body)
  if (!read.success) return refused('Vault answered something that KV version 2 does not: is the mount of that kind?')
  const { data, lease_duration: lease = 0 } = read.data
  const value = data.data?.[field]
  if (typeof value !== 'string') return refused('there is no such field, or it is no text')
  const found = bareSecret(value)
  return found.is === 'there' && lease > 0 ? { ...found, goodFor: lease * 1_000 } : found
}

type SignedIn = { readonly token: Secret; readonly until: number } | { readonly why: string }

async function signIn({ login, clock }: VaultOptions, ask: Ask): Promise<SignedIn> {
  const now = clock.now()
  switch (login.by) {
    case 'token':
      return { token: login.token, until: Number.POSITIVE_INFINITY }
    case 'token-file': {
      const found = await readProof(login.path)
      return found instanceof Secret ? { token: found, until: now } : { why: `the file with the token for Vault cannot be used: ${found}` }
    }
    case 'approle':
      return askForToken(ask, login.mount, { role_id: login.role, secret_id: reveal(login.secret) }, now)
    case 'kubernetes': {
      const proof = await readProof(login.tokenPath)
      if (!(proof instanceof Secret)) return { why: `the service account's token cannot be used: ${proof}` }
      return askForToken(ask, login.mount, { role: login.role, jwt: reveal(proof) }, now)
    }
  }
}

async function askForToken(ask: Ask, mount: string, body: Readonly<Record<string, string>>, now: number): Promise<SignedIn> {
  const answered = await ask({ method: 'POST', path: `/v1/auth/${mount}/login`, body: JSON.stringify(body) })
  if (typeof answered === 'string') return { why: `Vault cannot be reached: ${answered}` }
  const read = loginAnswer.safeParse(answered.body)
  if (answered.status !== 200 || !read.success) return { why: `Vault did not let this Remit sign in (${answered.status})` }
  const { client_token: token, lease_duration: seconds } = read.data.auth
  // Given back a little early; 0 means that it has no end of its own.
  return { token: new Secret(token), until: seconds === 0 ? Number.POSITIVE_INFINITY : now + seconds * 800 }
}

async function readProof(path: string): Promise<Secret | string> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => ({ why: codeOf(thrown) }))
  if (typeof text !== 'string') return text.why
  const found = bareSecret(text.trim())
  return found.is === 'there' ? found.secret : found.why
}

interface Question {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly token?: Secret
  readonly body?: string
}

/** Answers the code of what went wrong where there was no answer. */
type Ask = (question: Question) => Promise<Answered | string>

/** Redirects are not followed: a token goes to the address that the operator named, and nowhere else. */
function asker({ address, namespace, ca }: VaultOptions): Ask {
  const url = new URL(address)
  const isTls = url.protocol === 'https:'
  const agent = isTls ? new Agent({ keepAlive: true, maxSockets: 4, ...(ca === undefined ? {} : { ca }) }) : undefined
  return ({ method, path, token, body }) =>
    new Promise((resolve) => {
      const headers: Record<string, string> = { 'X-Vault-Request': 'true', Accept: 'application/json' }
      if (namespace !== undefined) headers['X-Vault-Namespace'] = namespace
      if (token !== undefined) headers['X-Vault-Token'] = reveal(token)
      if (body !== undefined) headers['Content-Type'] = 'application/json'
      const asked: RequestOptions = {
        method,
        path,
        headers,
        host: url.hostname.replace(/^\[|\]$/g, ''),
        port: url.port || (isTls ? 443 : 80),
      }
      const sent = isTls ? requestHttps({ ...asked, agent, minVersion: 'TLSv1.2' }) : requestHttp(asked)
      const timer = setTimeout(() => sent.destroy(Object.assign(new Error(), { code: 'ETIMEDOUT' })), timeoutMs)
      const finish = (answer: Answered | string) => {
        clearTimeout(timer)
        resolve(answer)
      }
      sent.on('error', (error) => finish(codeOf(error)))
      sent.on('response', (response) => readBody(response, finish))
      sent.end(body)
    })
}

function readBody(response: IncomingMessage, finish: (answer: Answered | string) => void): void {
  const chunks: Buffer[] = []
  let bytes = 0
  response.on('data', (chunk: Buffer) => {
    bytes += chunk.byteLength
    if (bytes > answerBytesMax) response.destroy(Object.assign(new Error(), { code: 'too much' }))
    else chunks.push(chunk)
  })
  response.on('error', (error) => finish(codeOf(error)))
  response.on('end', () => finish({ status: response.statusCode ?? 0, body: parseOr(Buffer.concat(chunks).toString('utf8')) }))
}

function parseOr(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // The parser's message quotes the text.
    return undefined
  }
}

/**
 * Vault's own variables, with those that hold a secret taken out of the environment. Nothing where `VAULT_ADDR` is not set; a sentence
 * where they cannot be used.
 */
export async function takeVaultOptions(env: NodeJS.ProcessEnv, clock: Pick<HostClock, 'now'>): Promise<VaultOptions | string | undefined> {
  const { VAULT_ADDR: address, VAULT_NAMESPACE: namespace, VAULT_CACERT: caPath } = env
  const login = takeLogin(env)
  if (address === undefined || address === '') return undefined
  const url = URL.canParse(address) ? new URL(address) : undefined
  const isHere = url !== undefined && (url.hostname === 'localhost' || url.hostname === '[::1]' || url.hostname.startsWith('127.'))
  if (url === undefined || url.pathname !== '/' || !(url.protocol === 'https:' || (url.protocol === 'http:' && isHere)))
    return 'VAULT_ADDR is not taken: write https://host:port; plain http only on this machine'
  if (login === undefined)
    return 'VAULT_ADDR is set, and nothing to sign in with: set VAULT_TOKEN, VAULT_TOKEN_FILE, VAULT_ROLE_ID with VAULT_SECRET_ID, or VAULT_KUBERNETES_ROLE'
  const ca = caPath === undefined || caPath === '' ? undefined : await readFile(caPath, 'utf8').catch(() => '')
  if (ca === '') return 'the file that VAULT_CACERT names cannot be read'
  return {
    address: url.origin,
    login,
    clock,
    ...(namespace === undefined || namespace === '' ? {} : { namespace }),
    ...(ca === undefined ? {} : { ca }),
  }
}

function takeLogin(env: NodeJS.ProcessEnv): VaultLogin | undefined {
  const { VAULT_TOKEN: token, VAULT_TOKEN_FILE: file, VAULT_ROLE_ID: role, VAULT_SECRET_ID: secret } = env
  const { VAULT_KUBERNETES_ROLE: kubernetes, VAULT_AUTH_MOUNT: mount } = env
  delete env['VAULT_TOKEN']
  delete env['VAULT_SECRET_ID']
  if (token !== undefined && token !== '') return { by: 'token', token: new Secret(token) }
  if (file !== undefined && file !== '') return { by: 'token-file', path: file }
  if (role !== undefined && secret !== undefined) return { by: 'approle', mount: mount ?? 'approle', role, secret: new Secret(secret) }
  if (kubernetes === undefined || kubernetes === '') return undefined
  return { by: 'kubernetes', mount: mount ?? 'kubernetes', role: kubernetes, tokenPath: kubernetesToken }
}

const kubernetesToken = '/var/run/secrets/kubernetes.io/serviceaccount/token'
