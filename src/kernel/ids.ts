/** Prefixed random ids: a kind, an underscore and a ULID, so that an id says what it names and sorts by its birth. */
import { refuse } from './refusals.ts'
import { done, type Result } from './result.ts'

/** What each prefix names. */
export const idPrefixes = {
  idn: 'identity',
  crd: 'credential',
  grn: 'grant',
  ses: 'session',
  hld: 'hold',
  apr: 'approval',
  dec: 'decision',
  lnk: 'one-time link',
  sgn: 'signal',
  dvc: 'device sign-in',
  tok: 'token',
  chg: 'change-set',
  pks: 'passkey',
  exc: 'exception',
  gtw: 'gateway',
} as const

export type IdPrefix = keyof typeof idPrefixes
export type Id<P extends IdPrefix> = `${P}_${string}`

export type IdentityId = Id<'idn'>
export type CredentialId = Id<'crd'>
export type GrantId = Id<'grn'>
export type SessionId = Id<'ses'>
export type HoldId = Id<'hld'>
export type ApprovalId = Id<'apr'>
export type DecisionId = Id<'dec'>
export type LinkId = Id<'lnk'>
export type SignalId = Id<'sgn'>
export type DeviceSignInId = Id<'dvc'>
export type TokenId = Id<'tok'>
export type ChangeSetId = Id<'chg'>
export type PasskeyId = Id<'pks'>
export type ExceptionId = Id<'exc'>
export type GatewayId = Id<'gtw'>

const alphabet = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'
const ulidLength = 26

/** Ids of one millisecond share their first half. */
let timeOf: number | undefined
let timeText = ''

/** A new id from an instant (48 bits) and ten random bytes, as the ULID specification lays them out. */
export function makeId<P extends IdPrefix>(prefix: P, now: number, chance: Uint8Array): Id<P> {
  if (chance.byteLength < 10) throw new Error('an id needs ten random bytes')
  if (now !== timeOf) {
    timeText = ''
    let rest = now
    for (let place = 0; place < 10; place += 1) {
      timeText = `${alphabet[rest % 32]}${timeText}`
      rest = Math.floor(rest / 32)
    }
    timeOf = now
  }
  // Five bytes are forty bits are eight characters: numbers hold that exactly, and twice.
  return `${prefix}_${timeText}${fiveBytes(chance, 0)}${fiveBytes(chance, 5)}`
}

function fiveBytes(bytes: Uint8Array, from: number): string {
  let rest = 0
  for (let place = from; place < from + 5; place += 1) rest = rest * 256 + (bytes[place] ?? 0)
  let text = ''
  for (let place = 0; place < 8; place += 1) {
    text = `${alphabet[rest % 32]}${text}`
    rest = Math.floor(rest / 32)
  }
  return text
}

/** Reads an id of one kind, or refuses `id.malformed`. */
export function parseId<P extends IdPrefix>(prefix: P, text: unknown): Result<Id<P>> {
  if (typeof text === 'string' && isId(prefix, text)) return done(text)
  return refuse('id.malformed', { detail: `expected ${prefix}_ and ${ulidLength} characters` })
}

export function isId<P extends IdPrefix>(prefix: P, text: string): text is Id<P> {
  return (
    text.length === prefix.length + 1 + ulidLength &&
    text.startsWith(`${prefix}_`) &&
    /^[0-9A-HJKMNP-TV-Z]{26}$/.test(text.slice(prefix.length + 1))
  )
}
