/** Where Remit is and who calls: from the environment, or from the sign-in that is kept. Never from the command line. */
import { readFile } from 'node:fs/promises'
import type { Credential } from '../sdk/credentials.ts'
import { Remit } from '../sdk/remit.ts'
import { CliFailure, usageFailure } from './failures.ts'
import type { Io } from './io.ts'
import { type Login, readLogin } from './stored-login.ts'

/** Variables that hold a proof of identity, or name a file that does. They are for this program alone. */
export const credentialVariables = ['REMIT_SECRET', 'REMIT_SECRET_FILE', 'REMIT_JWT_FILE', 'REMIT_TOKEN'] as const

const proofBytesMax = 65_536

/** The client as whom the environment says. Throws a usage failure that says what to set. */
export async function connect(io: Pick<Io, 'env' | 'now'>, url: string | undefined): Promise<Remit> {
  const fromEnvironment = await environmentCredential(io.env)
  const asked = url ?? (io.env['REMIT_URL'] || undefined)
  if (fromEnvironment !== undefined) return new Remit({ url: checkUrl(io.env, asked), credential: fromEnvironment })
  const login = await readLogin(io.env)
  if (login === undefined)
    throw usageFailure('there is nothing to sign in with', 'set REMIT_SECRET, REMIT_SECRET_FILE or REMIT_JWT_FILE, or remit login')
  return new Remit({ url: checkUrl(io.env, loginUrl(login, asked, io.now())), credential: { token: login.token } })
}

/** A client for what needs no credential. */
export async function connectAsNobody(io: Pick<Io, 'env'>, url: string | undefined): Promise<Remit> {
  const asked = url ?? (io.env['REMIT_URL'] || undefined) ?? (await readLogin(io.env))?.url
  return new Remit({ url: checkUrl(io.env, asked), credential: { token: '' } })
}

/** A sign-in is good for the Remit that gave it: its token goes nowhere else. */
function loginUrl(login: Login, asked: string | undefined, now: number): string {
  if (asked !== undefined && new URL(checkText(asked)).origin !== new URL(login.url).origin) {
    throw usageFailure(`you are signed in at ${login.url}, not at ${asked}`, `remit login --url ${asked}`)
  }
  if (Date.parse(login.expiresAt) <= now) throw new CliFailure('your sign-in has ended', { remedy: 'remit login', exitCode: 3 })
  return login.url
}

async function environmentCredential(env: Io['env']): Promise<Credential | undefined> {
  const set = credentialVariables.filter((name) => (env[name] ?? '') !== '')
  const [name, another] = set
  if (another !== undefined) throw usageFailure(`${set.join(' and ')} are set, and it is not clear who calls`, 'unset all but one')
  const value = env[name ?? ''] ?? ''
  switch (name) {
    case undefined:
      return undefined
    case 'REMIT_SECRET':
      return { secret: value }
    case 'REMIT_TOKEN':
      return { token: value }
    case 'REMIT_SECRET_FILE':
      return { secret: await proofIn(value, name) }
    case 'REMIT_JWT_FILE':
      await proofIn(value, name)
      // Read anew each time: whoever runs the job renews it.
      return { jwt: () => proofIn(value, name) }
  }
}

async function proofIn(path: string, name: string): Promise<string> {
  const text = await readFile(path, 'utf8').catch((thrown: unknown) => {
    throw usageFailure(`the file that ${name} names cannot be read: ${path}`, thrown instanceof Error ? thrown.message.split(',')[0] : '')
  })
  const proof = text.trim()
  if (proof === '' || text.length > proofBytesMax) throw usageFailure(`the file that ${name} names holds no credential: ${path}`)
  return proof
}

/** An http or https origin; plain http only where the network cannot listen, unless the environment allows it. */
export function checkUrl(env: Io['env'], text: string | undefined): string {
  if (text === undefined)
    throw usageFailure('it is not known where Remit is', 'set REMIT_URL, such as https://remit.example, or give --url')
  const url = new URL(checkText(text))
  const isLocal = url.hostname === 'localhost' || url.hostname === '[::1]' || url.hostname.startsWith('127.')
  if (url.protocol === 'http:' && !isLocal && env['REMIT_INSECURE_HTTP'] !== '1') {
    throw usageFailure(
      `${text} would send the credential unencrypted`,
      'use https, or set REMIT_INSECURE_HTTP=1 where the network itself is trusted',
    )
  }
  return text.replace(/\/+$/, '')
}

function checkText(text: string): string {
  const isUrl = URL.canParse(text) && /^https?:$/.test(new URL(text).protocol) && new URL(text).username === ''
  if (!isUrl) throw usageFailure(`"${text}" is not the URL of a Remit`, 'write it like https://remit.example')
  return text
}
