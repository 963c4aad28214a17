/** A master key from a passphrase: scrypt, with its parameters, its salt and a sealed value by which a wrong passphrase is known. */
import { createCipheriv, createDecipheriv, createSecretKey, type KeyObject, randomBytes, scrypt } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'
import { reveal, type Secret } from '../kernel/secret.ts'
import { readKeyFile, writeKeyFile } from './key-files.ts'
import { type MasterKeys, masterKeyBytes } from './master-key.ts'
import { askOnTerminal, readSecretLine } from './secret-prompt.ts'

/** The terminal, or the number of an open file of which the first line is read. */
export type PassphraseWay = 'terminal' | number

/** The file lies beside the keys; it has no secret in it, and without it the passphrase is worth nothing. */
export const passphraseFiles = { current: 'master-passphrase.json', next: 'master-passphrase-next.json' } as const

const triesOnTerminal = 3
const lengthMin = 12
/** 128 MiB and about half a second for each guess. */
const scryptNow = { N: 131_072, r: 8, p: 1 }
const checkText = 'remit passphrase check v1'

const whole = z.number().int()
const kept = z.strictObject({
  version: z.literal(1),
  kdf: z.literal('scrypt'),
  // Bounded, so that a changed file cannot have us spend all memory.
  N: whole.min(16_384).max(1_048_576),
  r: whole.min(8).max(16),
  p: whole.min(1).max(8),
  salt: z.base64().length(44),
  check: z.base64().max(200),
})
type Kept = z.infer<typeof kept>

/**
 * The key that the passphrase gives; the first passphrase is the one that is set, and asked for twice. While a rotation is under way the
 * old and the new one are both taken, unless one is asked for. Refuses `master-key.unavailable`: a wrong passphrase and a broken file are
 * told apart.
 */
export async function openWithPassphrase(
  from: PassphraseWay,
  folder: string,
  which?: keyof typeof passphraseFiles,
): Promise<Result<MasterKeys>> {
  const files = which === undefined ? [passphraseFiles.current, passphraseFiles.next] : [passphraseFiles[which]]
  const settings: Kept[] = []
  for (const file of files) {
    const path = join(folder, file)
    const text = await readKeyFile(path)
    if (text === undefined) continue
    if (!text.ok) return unavailable(text.refusal.detail ?? path)
    const read = readKept(text.value)
    if (read === undefined)
      return unavailable(`${path} is broken: it holds the salt, without which no passphrase opens anything; restore it`)
    settings.push(read)
  }
  return settings.length === 0 ? setPassphrase(from, folder, passphraseFiles[which ?? 'current']) : tryPassphrases(from, settings)
}

async function tryPassphrases(from: PassphraseWay, settings: readonly Kept[]): Promise<Result<MasterKeys>> {
  const tries = from === 'terminal' ? triesOnTerminal : 1
  for (let left = tries; left > 0; left -= 1) {
    const passphrase = await askFor(
      from,
      left === tries ? 'Passphrase of the master key: ' : 'That is not it. Passphrase of the master key: ',
    )
    if (!passphrase.ok) return passphrase
    for (const each of settings) {
      const primary = await derive(passphrase.value, each)
      if (opens(primary, each.check)) return done({ primary })
    }
  }
  return unavailable(tries === 1 ? 'the passphrase is wrong' : `the passphrase was wrong ${tries} times`)
}

async function setPassphrase(from: PassphraseWay, folder: string, file: string): Promise<Result<MasterKeys>> {
  const first = await askFor(from, `New passphrase for the master key, at least ${lengthMin} characters: `)
  if (!first.ok) return first
  if ([...reveal(first.value)].length < lengthMin) return unavailable(`a passphrase has at least ${lengthMin} characters`)
  if (from === 'terminal') {
    const second = await askFor(from, 'The same again: ')
    if (!second.ok) return second
    if (!second.value.is(reveal(first.value))) return unavailable('the two passphrases were not the same')
  }
  const settings = { version: 1, kdf: 'scrypt', ...scryptNow, salt: randomBytes(32).toString('base64') } as const
  const primary = await derive(first.value, settings)
  const text = `${JSON.stringify({ ...settings, check: sealCheck(primary) }, undefined, 2)}\n`
  return done({ primary, keep: () => writeKeyFile(folder, file, text) })
}

async function askFor(from: PassphraseWay, prompt: string): Promise<Result<Secret>> {
  const line = from === 'terminal' ? await askOnTerminal(prompt) : await readSecretLine(from)
  if (typeof line === 'string') return unavailable(line)
  return done(line)
}

function readKept(text: string): Kept | undefined {
  try {
    return kept.parse(JSON.parse(text))
  } catch {
    return undefined
  }
}

function derive(passphrase: Secret, { salt, N, r, p }: Pick<Kept, 'salt' | 'N' | 'r' | 'p'>): Promise<KeyObject> {
  const options = { N, r, p, maxmem: 128 * N * r * 2 }
  // What looks the same on another keyboard is the same.
  const text = reveal(passphrase).normalize('NFKC')
  return new Promise((resolve, reject) => {
    scrypt(text, Buffer.from(salt, 'base64'), masterKeyBytes, options, (error, bytes) => {
      if (error === null) resolve(createSecretKey(bytes))
      else reject(error)
    })
  })
}

function sealCheck(key: KeyObject): string {
  const nonce = randomBytes(12)
  const sealing = createCipheriv('aes-256-gcm', key, nonce)
  return Buffer.concat([nonce, sealing.update(checkText, 'utf8'), sealing.final(), sealing.getAuthTag()]).toString('base64')
}

function opens(key: KeyObject, check: string): boolean {
  const bytes = Buffer.from(check, 'base64')
  if (bytes.byteLength !== 12 + checkText.length + 16) return false
  const opening = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, 12), { authTagLength: 16 }).setAuthTag(bytes.subarray(-16))
  try {
    return Buffer.concat([opening.update(bytes.subarray(12, -16)), opening.final()]).toString('utf8') === checkText
  } catch {
    return false
  }
}

function unavailable(detail: string): Refused {
  return refuse('master-key.unavailable', { detail })
}
