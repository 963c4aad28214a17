/** A person's sign-in, kept between two commands in a file that nobody else may read. */
import { mkdir, open, rename, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { CliFailure, usageFailure } from './failures.ts'
import type { Io } from './io.ts'
import { isLogin, parseText } from './parse-files.ts'

export interface Login {
  readonly url: string
  readonly token: string
  /** RFC 3339. */
  readonly expiresAt: string
  readonly name: string
}

const othersBits = 0o077
const loginBytesMax = 65_536

/** `$XDG_CONFIG_HOME/remit/login.json`, below `~/.config` unless said. */
export function loginPath(env: Io['env']): string {
  const base = env['XDG_CONFIG_HOME'] || (env['HOME'] ? join(env['HOME'], '.config') : '')
  if (base === '') throw usageFailure('there is no place to keep a sign-in', 'set HOME or XDG_CONFIG_HOME')
  return join(base, 'remit', 'login.json')
}

/** The kept sign-in, if there is one. Refuses a file that others may read: its token may be known by now. */
export async function readLogin(env: Io['env']): Promise<Login | undefined> {
  const path = loginPath(env)
  const file = await open(path, 'r').catch((thrown: unknown) => {
    if (isMissing(thrown)) return undefined
    throw new CliFailure(`${path} cannot be read`, { remedy: 'check who owns it, or remit logout and remit login' })
  })
  if (file === undefined) return undefined
  try {
    const { mode, size, uid } = await file.stat()
    const mine = process.getuid?.() ?? uid
    if ((mode & othersBits) !== 0 || uid !== mine) {
      throw new CliFailure(`${path} can be read by others than you`, {
        remedy: 'remit logout, then remit login again: its token may be known',
      })
    }
    const login = size > loginBytesMax ? undefined : parseText(await file.readFile('utf8'))
    if (!isLogin(login))
      throw new CliFailure(`${path} is not a sign-in as remit login writes it`, { remedy: 'remit logout, then remit login' })
    return login
  } finally {
    await file.close()
  }
}

/** Readable by its owner from its first byte, and whole or not at all. */
export async function writeLogin(env: Io['env'], login: Login): Promise<void> {
  const path = loginPath(env)
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const partial = `${path}.${process.pid}`
  await rm(partial, { force: true })
  const file = await open(partial, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(login, undefined, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, path)
}

/** Whether there was one. */
export async function forgetLogin(env: Io['env']): Promise<boolean> {
  try {
    await rm(loginPath(env))
    return true
  } catch (thrown) {
    if (isMissing(thrown)) return false
    throw thrown
  }
}

export function isMissing(thrown: unknown): boolean {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && thrown.code === 'ENOENT'
}
