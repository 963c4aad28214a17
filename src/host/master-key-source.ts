/** Where the master key comes from: a file, a variable, a command's answer, or a passphrase. */
import { execFile } from 'node:child_process'
import { createSecretKey, type KeyObject, randomBytes } from 'node:crypto'
import { join } from 'node:path'
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { checkKeyFolder, readKeyFile, writeKeyFile } from './key-files.ts'
import { type MasterKeys, masterKeyBytes, readMasterKey } from './master-key.ts'
import { openWithPassphrase, type PassphraseWay } from './master-key-passphrase.ts'

export type MasterKeySource =
  /** The data folder's own, made if there is none. */
  | { readonly kind: 'folder' }
  | { readonly kind: 'file'; readonly path: string }
  | { readonly kind: 'env'; readonly name: string }
  | { readonly kind: 'command'; readonly words: readonly string[] }
  | { readonly kind: 'passphrase'; readonly from: PassphraseWay }

export const masterKeyForms = 'file:PATH, env:NAME, command:PROGRAM ARGUMENT…, passphrase, passphrase:stdin or passphrase:fd:NUMBER'

export interface MasterKeyPlace {
  /** The data folder's keys. */
  readonly folder: string
  /** A variable that was read is taken out of it, so that no child has it. */
  readonly env: NodeJS.ProcessEnv
  /** Of the two that lie there during a rotation: the one in use, the one it is on its way to, or whichever fits (default). */
  readonly which?: 'current' | 'next'
}

const commandMs: Milliseconds = 30_000
const answerBytesMax = 4_096

/** `undefined` for a text that names no source. */
export function readMasterKeySource(text: string): MasterKeySource | undefined {
  const at = text.indexOf(':')
  const kind = at < 0 ? text : text.slice(0, at)
  const rest = at < 0 ? '' : text.slice(at + 1)
  switch (kind) {
    case 'file':
      return rest === '' ? undefined : { kind, path: rest }
    case 'env':
      return /^[A-Za-z_][A-Za-z0-9_]*$/.test(rest) ? { kind, name: rest } : undefined
    case 'command': {
      const words = rest.split(' ').filter((word) => word !== '')
      return words.length === 0 ? undefined : { kind, words }
    }
    case 'passphrase':
      return readPassphraseWay(text)
    default:
      return undefined
  }
}

function readPassphraseWay(text: string): MasterKeySource | undefined {
  const [, fd] = /^passphrase:fd:(\d{1,4})$/.exec(text) ?? []
  if (text === 'passphrase') return { kind: 'passphrase', from: 'terminal' }
  if (text === 'passphrase:stdin') return { kind: 'passphrase', from: 0 }
  return fd === undefined ? undefined : { kind: 'passphrase', from: Number(fd) }
}

/** Refuses `master-key.unavailable`, with what to mend in `detail`, and never with anything of the key. */
export async function loadMasterKey(source: MasterKeySource, place: MasterKeyPlace): Promise<Result<MasterKeys>> {
  const checked = await checkKeyFolder(place.folder)
  if (!checked.ok) return checked
  switch (source.kind) {
    case 'folder':
      return fromFolder(place)
    case 'file': {
      const text = await readKeyFile(source.path)
      if (text === undefined) return unavailable(`there is no ${source.path}; make one: openssl rand -base64 32 > ${source.path}, mode 600`)
      return text.ok ? asRing(text.value, source.path) : unavailable(text.refusal.detail ?? source.path)
    }
    case 'env': {
      const text = place.env[source.name] ?? ''
      delete place.env[source.name]
      return text === '' ? unavailable(`the environment variable ${source.name} is not set`) : asRing(text, source.name)
    }
    case 'command': {
      const answered = await runForKey(source.words, place.env)
      return answered.ok ? asRing(answered.value, `what ${source.words[0]} answered`) : answered
    }
    case 'passphrase':
      return openWithPassphrase(source.from, place.folder, place.which)
  }
}

/** Where the data folder keeps its own master key, and the one that a rotation is on its way to. */
export const folderKeyFiles = { current: 'master.key', next: 'master-next.key' } as const

async function fromFolder({ folder, which = 'current' }: MasterKeyPlace): Promise<Result<MasterKeys>> {
  const file = folderKeyFiles[which]
  const text = await readKeyFile(join(folder, file))
  if (text !== undefined) return text.ok ? asRing(text.value, join(folder, file)) : unavailable(text.refusal.detail ?? file)
  const bytes = randomBytes(masterKeyBytes)
  const keep = () => writeKeyFile(folder, file, `${bytes.toString('base64')}\n`)
  return done({ primary: createSecretKey(bytes), keep })
}

/** The key of a rotation that did not come to its end, where the data folder has one. */
export async function unfinishedKey(folder: string): Promise<Result<KeyObject | undefined>> {
  const text = await readKeyFile(join(folder, folderKeyFiles.next))
  if (text === undefined) return done(undefined)
  if (!text.ok) return unavailable(text.refusal.detail ?? folderKeyFiles.next)
  const ring = asRing(text.value, join(folder, folderKeyFiles.next))
  return ring.ok ? done(ring.value.primary) : ring
}

function asRing(text: string, where: string): Result<MasterKeys> {
  const primary = readMasterKey(text)
  return primary === undefined ? unavailable(`${where} does not hold ${masterKeyBytes} bytes in base64`) : done({ primary })
}

/**
 * No shell reads the words. What the command writes to standard error is dropped: a tool that decrypts may show there what it decrypted,
 * and ours is a log that others read.
 */
function runForKey([program = '', ...words]: readonly string[], env: NodeJS.ProcessEnv): Promise<Result<string>> {
  return new Promise((resolve) => {
    const options = { timeout: commandMs, killSignal: 'SIGKILL', maxBuffer: answerBytesMax, env, shell: false, windowsHide: true } as const
    const child = execFile(program, words, options, (error, stdout) => {
      if (error === null) return resolve(done(stdout))
      const how = error.killed === true ? `did not answer within ${commandMs / 1_000} s` : describeEnd(error.code)
      resolve(unavailable(`the command ${program} ${how}; run it yourself to see what it says`))
    })
    child.stdin?.end()
    child.stderr?.resume()
  })
}

function describeEnd(code: string | number | null | undefined): string {
  if (code === 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER') return 'answered more than a key'
  return typeof code === 'number' ? `ended with ${code}` : `could not be run (${code ?? 'it was stopped'})`
}

export function unavailable(detail: string): Refused {
  return refuse('master-key.unavailable', { detail })
}
