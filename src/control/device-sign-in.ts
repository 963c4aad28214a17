/** A command line signs its person in (RFC 8628): a code on the terminal, a passkey's signature on the page. */
import { createHash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { DeviceSignIn, Identity } from '../model/identities.ts'
import { challengeOf, type Prepared } from './answer.ts'
import { type Desk, note } from './desk.ts'
import { mint } from './exchange-token.ts'
import { controlAudience } from './identify.ts'
import { keepCounter, passkeysOf, type SignedChallenge, verifyPasskey } from './passkey-use.ts'

const waitMax: Milliseconds = 600_000
/** A person's command line token is renewed by signing in again. */
const personTokenMax: Milliseconds = 3_600_000
const letters = 'BCDFGHJKLMNPQRSTVWXZ'

export interface StartedDevice {
  readonly deviceCode: Secret
  readonly userCode: string
  readonly expiresAt: Instant
}

export async function startDeviceSignIn(desk: Desk, address: string): Promise<Result<StartedDevice>> {
  return desk.store.change(async (tx) => {
    const code = Buffer.from(desk.chance.bytes(32)).toString('base64url')
    const userCode = [...desk.chance.bytes(8)]
      .map((byte) => letters[byte % letters.length])
      .join('')
      .replace(/^(.{4})/, '$1-')
    const device: DeviceSignIn = {
      id: desk.chance.id('dvc', tx.now),
      space: desk.space,
      hash: createHash('sha256').update(code).digest('hex'),
      userCode,
      address,
      state: 'waiting',
      createdAt: tx.now,
      expiresAt: tx.now + waitMax,
    }
    await tx.put('device', device)
    return done({ deviceCode: new Secret(code), userCode, expiresAt: device.expiresAt })
  })
}

/** What the person signs: this command line, at this address, is theirs. */
export async function prepareDeviceConfirmation(
  desk: Desk,
  person: Identity,
  userCode: string,
): Promise<Result<Prepared & { readonly address: string }>> {
  return desk.store.change(async (tx) => {
    const [device] = await tx.find('device', { userCode: userCode.toUpperCase() })
    if (device === undefined || device.state !== 'waiting' || tx.now >= device.expiresAt) return refuse('link.invalid')
    const passkeys = await passkeysOf(tx, person.id)
    const nonce = Buffer.from(desk.chance.bytes(24)).toString('base64url')
    const about = canonicalJson({ v: 1, purpose: 'confirm-device', space: desk.space, device: device.id, person: person.id, nonce })
    const challenge = challengeOf(about)
    await tx.put('challenge', {
      id: challenge,
      space: desk.space,
      purpose: 'confirm-device',
      person: person.id,
      about: device.id,
      expiresAt: tx.now + waitMax,
    })
    return done({ challenge, credentialIds: passkeys.map((passkey) => passkey.credentialId), address: device.address })
  })
}

export async function confirmDevice(desk: Desk, person: Identity, given: SignedChallenge): Promise<Result<undefined>> {
  const used = await verifyPasskey(desk, given, person)
  if (!used.ok) return used
  return desk.store.change(async (tx) => {
    const challenge = await tx.get('challenge', given.challenge)
    const right =
      challenge !== undefined && challenge.purpose === 'confirm-device' && challenge.person === person.id && tx.now < challenge.expiresAt
    if (!right) return refuse('approval.signature')
    await tx.remove('challenge', given.challenge)
    const device = await tx.get('device', challenge.about)
    if (device === undefined || device.state !== 'waiting' || tx.now >= device.expiresAt) return refuse('link.invalid')
    await tx.put('device', { ...device, state: 'confirmed', person: person.id, passkey: used.value.passkey.id })
    const kept = await keepCounter(tx, used.value)
    if (!kept.ok) return kept
    await note(tx, {
      kind: 'person.signed-in',
      actor: person.name,
      subject: person.id,
      facts: { passkey: used.value.passkey.id, commandLine: device.address },
    })
    return done(undefined)
  })
}

export type Polled =
  | { readonly state: 'waiting' }
  | { readonly state: 'ended' }
  | { readonly state: 'confirmed'; readonly token: Secret; readonly expiresAt: Instant }

/** Only from the address that started it, and once. */
export async function pollDevice(desk: Desk, deviceCode: string, address: string): Promise<Result<Polled>> {
  const hash = createHash('sha256').update(deviceCode).digest('hex')
  const taken = await desk.store.change<{ readonly state: 'waiting' | 'ended' } | { readonly person: Identity; readonly passkey: string }>(
    async (tx) => {
      const [device] = await tx.find('device', { hash })
      if (device === undefined || device.address !== address || tx.now >= device.expiresAt || device.state === 'spent')
        return done({ state: 'ended' })
      if (device.state === 'waiting' || device.person === undefined) return done({ state: 'waiting' })
      const person = desk.facts.identity(device.person)
      const passkey = device.passkey === undefined ? undefined : await tx.get('passkey', device.passkey)
      if (person === undefined || passkey === undefined || passkey.revokedAt !== undefined) return done({ state: 'ended' })
      await tx.put('device', { ...device, state: 'spent' })
      return done({ person, passkey: passkey.id })
    },
  )
  if (!taken.ok) return taken
  if ('state' in taken.value) return done(taken.value)
  const { person, passkey } = taken.value
  const proved = { chain: [person.id], provedBy: passkey, endsAt: desk.clock.now() + personTokenMax, facts: {}, lifetime: personTokenMax }
  const minted = await mint(desk, proved, controlAudience(desk.space), undefined)
  return minted.ok ? done({ state: 'confirmed', token: minted.value.token, expiresAt: minted.value.expiresAt }) : minted
}
