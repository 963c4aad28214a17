/** People: one-time links, passkeys, signing in to the pages. */
import { createHash } from 'node:crypto'
import type { IdentityId } from '../kernel/ids.ts'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import type { JsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import type { Identity, OneTimeLink, Passkey } from '../model/identities.ts'
import { isName, isTakenName } from '../model/scope.ts'
import { challengeOf } from './answer.ts'
import { type Caller, type Desk, type DeskRight, machinery, note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import { firstException } from './exceptions.ts'
import { keepCounter, passkeysOf, type SignedChallenge, verifyPasskey } from './passkey-use.ts'
import type { Change, Reading } from './ports.ts'
import { callerMay } from './rights.ts'

export const linkMax: Milliseconds = 24 * 3_600_000
const signInMax: Milliseconds = 3_600_000
const challengeMax: Milliseconds = 300_000

export interface SignedIn {
  readonly person: Identity
  readonly cookie: Secret
  readonly expiresAt: Instant
}

/** The link of the very first start; `undefined` once somebody registered by one. An unused earlier link ends. */
export async function firstLink(desk: Desk): Promise<Result<Secret | undefined>> {
  return desk.store.change(async (tx) => {
    const passkeys = await tx.find('passkey', {}, { max: 1 })
    if (passkeys.length > 0) return done(undefined)
    for await (const earlier of everyRecord(tx, 'link', {})) {
      // Printed on somebody's terminal at an earlier start: whoever read it there must not come in by it.
      if (earlier.firstAdministrator && earlier.usedAt === undefined && tx.now < earlier.expiresAt)
        await tx.put('link', { ...earlier, expiresAt: tx.now })
    }
    const text = linkText(desk)
    const link = makeLink(desk, tx, { text, firstAdministrator: true, by: machinery })
    await tx.put('link', link)
    await note(tx, {
      kind: 'link.issued',
      actor: machinery,
      subject: link.id,
      facts: { purpose: 'first administrator', expiresAt: link.expiresAt },
    })
    return done(new Secret(text))
  })
}

export interface Invitation {
  readonly person: Identity
  readonly link: Secret
  readonly expiresAt: Instant
}

/**
 * A link for one named person who has no passkey: another one of theirs would be a way for somebody else to answer as them. Whoever is
 * new to the house is let in by two: `invitation.unsigned` where somebody else was ever there to sign, and it is a change-set first.
 */
export async function invite(desk: Desk, caller: Caller, name: string): Promise<Result<Invitation>> {
  return desk.store.change(async (tx) => {
    const may = callerMay(desk, caller, 'administer')
    if (!may.ok) return may
    const [known] = await tx.find('identity', { name })
    const others = desk.facts.proofs.passkeyHolders().filter((id) => !caller.chain.some((link) => link.id === id))
    if (known === undefined && isName(name) && others.length > 0) return refuse('invitation.unsigned', { detail: name })
    return makeInvitation(desk, tx, { name, by: caller.actor.name, right: may.value })
  })
}

export interface Inviting {
  readonly name: string
  readonly by: string
  readonly right?: DeskRight
}

/** The making itself, for deeds that have settled who may. */
export async function makeInvitation(desk: Desk, tx: Change, inviting: Inviting): Promise<Result<Invitation>> {
  const { name, by, right = {} } = inviting
  const person = await personNamed(desk, tx, inviting)
  if (!person.ok) return person
  if ((await passkeysOf(tx, person.value.id)).length > 0) return refuse('passkey.exists')
  const text = linkText(desk)
  const link = makeLink(desk, tx, { text, firstAdministrator: false, by, person: person.value.id })
  await tx.put('link', link)
  await note(tx, {
    kind: 'link.issued',
    actor: by,
    subject: link.id,
    facts: { purpose: 'passkey', person: name, expiresAt: link.expiresAt },
    right,
  })
  return done({ person: person.value, link: new Secret(text), expiresAt: link.expiresAt })
}

async function personNamed(desk: Desk, tx: Change, { name, by, right = {} }: Inviting): Promise<Result<Identity>> {
  if (!isName(name)) return refuse('input.invalid', { detail: 'a name is lowercase letters, digits and . _ -' })
  if (isTakenName(name)) return refuse('name.used', { detail: name })
  const [known] = await tx.find('identity', { name })
  if (known !== undefined) return known.kind === 'human' ? done(known) : refuse('name.used', { detail: name })
  const person: Identity = {
    id: desk.chance.id('idn', tx.now),
    space: desk.space,
    name,
    kind: 'human',
    roles: [],
    state: 'live',
    signsInBy: [],
    createdAt: tx.now,
  }
  await tx.put('identity', person)
  await note(tx, { kind: 'identity.created', actor: by, subject: person.id, facts: { name, kind: 'human' }, right })
  return done(person)
}

function linkText(desk: Desk): string {
  return Buffer.from(desk.chance.bytes(32)).toString('base64url')
}

function makeLink(
  desk: Desk,
  tx: Change,
  about: { readonly text: string; readonly firstAdministrator: boolean; readonly by: string; readonly person?: IdentityId },
): OneTimeLink {
  return {
    id: desk.chance.id('lnk', tx.now),
    space: desk.space,
    hash: sha256(about.text),
    ...(about.person === undefined ? {} : { person: about.person }),
    firstAdministrator: about.firstAdministrator,
    issuedBy: about.by,
    createdAt: tx.now,
    expiresAt: tx.now + linkMax,
  }
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex')
}

/** The link's record, if it can still be used. Only the newest first link counts, and any only until its person has a passkey. */
async function usableLink(tx: Reading & { readonly now: Instant }, text: string): Promise<Result<OneTimeLink>> {
  const [link] = await tx.find('link', { hash: sha256(text) })
  if (link === undefined || link.usedAt !== undefined || tx.now >= link.expiresAt) return refuse('link.invalid')
  if (link.person !== undefined && (await passkeysOf(tx, link.person)).length > 0) return refuse('link.invalid')
  if (link.firstAdministrator && (await tx.find('passkey', {}, { max: 1 })).length > 0) return refuse('link.invalid')
  return done(link)
}

export interface Registration {
  readonly challenge: string
  readonly person: { readonly id: string; readonly name: string }
  readonly firstAdministrator: boolean
}

/** What the browser needs to make a passkey. The link is not used by looking at it. */
export async function beginRegistration(
  desk: Desk,
  asked: { readonly link: string; readonly name?: string },
): Promise<Result<Registration>> {
  return desk.store.change(async (tx) => {
    const link = await usableLink(tx, asked.link)
    if (!link.ok) return link
    const known = link.value.person === undefined ? undefined : await tx.get('identity', link.value.person)
    const name = known?.name ?? asked.name ?? ''
    if (!isName(name)) return refuse('input.invalid', { detail: 'a name is lowercase letters, digits and . _ -' })
    const challenge = challengeOf(Buffer.from(desk.chance.bytes(32)).toString('base64url'))
    await tx.put('challenge', {
      id: challenge,
      space: desk.space,
      purpose: 'register',
      about: `${link.value.id}/${name}`,
      expiresAt: tx.now + challengeMax,
    })
    return done({
      challenge,
      person: { id: known?.id ?? sha256(name).slice(0, 32), name },
      firstAdministrator: link.value.firstAdministrator,
    })
  })
}

/** Keeps the passkey, uses the link up, signs the person in. The first one to register administers, by a dated exception. */
export async function finishRegistration(
  desk: Desk,
  given: { readonly link: string; readonly name?: string; readonly challenge: string; readonly response: JsonObject },
): Promise<Result<SignedIn>> {
  const { origin, rpId } = desk.pages()
  const verified = await desk.passkeys.registration({ response: given.response, challenge: given.challenge, origin, rpId })
  if (!verified.ok) return verified
  return desk.store.change(async (tx) => {
    const link = await usableLink(tx, given.link)
    if (!link.ok) return link
    const challenge = await spendChallenge(tx, given.challenge, 'register')
    if (!challenge.ok) return challenge
    const [linkId = '', name = ''] = challenge.value.about.split('/')
    if (linkId !== link.value.id) return refuse('link.invalid')
    const person =
      link.value.person === undefined ? await personNamed(desk, tx, { name, by: machinery }) : await livePerson(tx, link.value.person)
    if (!person.ok) return person
    // Whoever registers by name alone must not become somebody who is there already.
    if ((await passkeysOf(tx, person.value.id)).length > 0) return refuse('link.invalid')
    const isAnother = (await tx.find('passkey', { person: person.value.id }, { max: 1 })).length > 0
    const taken = await tx.find('passkey', { credentialId: verified.value.credentialId })
    if (taken.length > 0) return refuse('passkey.refused', { detail: 'it is registered already' })
    await tx.put('link', { ...link.value, usedAt: tx.now })
    const passkey: Passkey = {
      id: desk.chance.id('pks', tx.now),
      space: desk.space,
      person: person.value.id,
      ...verified.value,
      issuedBy: link.value.issuedBy,
      ...(isAnother ? { replaces: true as const } : {}),
      createdAt: tx.now,
    }
    await tx.put('passkey', passkey)
    await note(tx, {
      kind: 'passkey.registered',
      actor: person.value.name,
      subject: passkey.id,
      facts: { person: person.value.name, link: link.value.id, publicKey: passkey.publicKey, software: passkey.software },
    })
    if (link.value.firstAdministrator) await openFirstException(desk, tx, person.value)
    return done(await signIn(desk, tx, person.value))
  })
}

async function livePerson(tx: Reading, id: IdentityId): Promise<Result<Identity>> {
  const person = await tx.get('identity', id)
  return person === undefined || person.state !== 'live' || person.quarantine !== undefined ? refuse('link.invalid') : done(person)
}

/** Nobody is there yet who could approve it: it begins active, and says what has to happen until it ends. */
async function openFirstException(desk: Desk, tx: Change, person: Identity): Promise<void> {
  const exception = firstException(desk, tx, person)
  const { id, reason, expiresAt } = exception
  await tx.put('exception', exception)
  await note(tx, { kind: 'exception.opened', actor: machinery, subject: id, facts: { person: person.name, reason, expiresAt } })
}

async function spendChallenge(tx: Change, id: string, purpose: 'register' | 'sign-in') {
  const challenge = await tx.get('challenge', id)
  if (challenge === undefined || challenge.purpose !== purpose || tx.now >= challenge.expiresAt) {
    return refuse('passkey.refused', { detail: 'the question has expired; open the page again' })
  }
  await tx.remove('challenge', id)
  return done(challenge)
}

/** A challenge for whoever can answer it: the passkey says who it is. */
export async function beginSignIn(desk: Desk): Promise<Result<{ readonly challenge: string }>> {
  return desk.store.change(async (tx) => {
    const challenge = challengeOf(Buffer.from(desk.chance.bytes(32)).toString('base64url'))
    await tx.put('challenge', { id: challenge, space: desk.space, purpose: 'sign-in', about: 'sign-in', expiresAt: tx.now + challengeMax })
    return done({ challenge })
  })
}

export async function finishSignIn(desk: Desk, given: SignedChallenge): Promise<Result<SignedIn>> {
  const used = await verifyPasskey(desk, given)
  if (!used.ok) return used
  const { passkey } = used.value
  return desk.store.change(async (tx) => {
    const challenge = await spendChallenge(tx, given.challenge, 'sign-in')
    if (!challenge.ok) return challenge
    const person = await livePerson(tx, passkey.person)
    if (!person.ok) return refuse('passkey.refused')
    const kept = await keepCounter(tx, used.value)
    if (!kept.ok) return kept
    await note(tx, { kind: 'person.signed-in', actor: person.value.name, subject: person.value.id, facts: { passkey: passkey.id } })
    return done(await signIn(desk, tx, person.value))
  })
}

async function signIn(desk: Desk, tx: Change, person: Identity): Promise<SignedIn> {
  const cookie = Buffer.from(desk.chance.bytes(32)).toString('base64url')
  const expiresAt = tx.now + signInMax
  await tx.put('signIn', { id: sha256(cookie), space: desk.space, person: person.id, createdAt: tx.now, expiresAt })
  return { person, cookie: new Secret(cookie), expiresAt }
}

/** The live person behind a cookie; `credential.invalid` for everything else. */
export async function personOfCookie(desk: Desk, cookie: string): Promise<Result<Identity>> {
  const signedIn = await desk.store.read((tx) => tx.get('signIn', sha256(cookie)))
  if (signedIn === undefined || signedIn.space !== desk.space || desk.clock.now() >= signedIn.expiresAt) return refuse('credential.invalid')
  const person = desk.facts.identity(signedIn.person)
  return person === undefined || person.state !== 'live' || person.quarantine !== undefined ? refuse('credential.invalid') : done(person)
}

export async function signOut(desk: Desk, cookie: string): Promise<Result<undefined>> {
  return desk.store.change(async (tx) => {
    await tx.remove('signIn', sha256(cookie))
    return done(undefined)
  })
}
