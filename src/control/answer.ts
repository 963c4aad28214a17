/** A person's yes or no: a challenge over exactly what is being answered, a passkey's signature over it, kept in the ledger. */
import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject } from '../kernel/json.ts'
import type { GrantId, HoldId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Approval, Grant, Hold, Narrowing } from '../model/grants.ts'
import type { Identity, Passkey } from '../model/identities.ts'
import { grantLife, holdLife, step } from '../model/lives.ts'
import { type Approver, isSatisfied } from '../model/requirements.ts'
import { type Desk, note } from './desk.ts'
import { endGrant } from './end-grant.ts'
import { withoutBody } from './end-session.ts'
import { narrow } from './narrow.ts'
import { keepCounter, type PasskeyUse, type SignedChallenge, verifyPasskey } from './passkey-use.ts'
import { parseStatement, type Statement, writeStatement } from './parse-statement.ts'
import type { Change, Reading } from './ports.ts'
import { approveGrant } from './request-grant.ts'
import { type Answerable, answerableGrant, answerableHold, asApprover, mayAnswer } from './rights.ts'

const challengeMax = 300_000
/** How long an approved hold may be used. */
export const useMax = 300_000

export interface Answering {
  readonly subject: GrantId | HoldId
  readonly decision: 'approve' | 'deny'
  readonly narrowing: Narrowing
}

/** What the browser needs to sign: the challenge and the person's passkeys. */
export interface Prepared {
  readonly challenge: string
  readonly credentialIds: readonly string[]
}

/** Opens the question for one person: who may not answer hears why before anything is signed. */
export async function prepareAnswer(desk: Desk, person: Identity, answering: Answering): Promise<Result<Prepared>> {
  return desk.store.change(async (tx) => {
    const open = await openSubject(desk, tx, person, answering)
    if (!open.ok) return open
    const passkeys = await tx.find('passkey', { person: person.id })
    if (passkeys.length === 0) return refuse('passkey.refused', { detail: 'you have no passkey here' })
    const nonce = Buffer.from(desk.chance.bytes(24)).toString('base64url')
    const about = writeStatement({ ...answering, digest: open.value.digest, person: person.id, nonce }, desk.space)
    const challenge = challengeOf(about)
    await tx.put('challenge', {
      id: challenge,
      space: desk.space,
      purpose: 'approve',
      person: person.id,
      about,
      expiresAt: tx.now + challengeMax,
    })
    return done({ challenge, credentialIds: passkeys.map((passkey) => passkey.credentialId) })
  })
}

/** base64url of the SHA-256 of a canonical statement: what WebAuthn signs. */
export function challengeOf(statement: string): string {
  return createHash('sha256').update(statement).digest('base64url')
}

export interface Answered {
  readonly approval: Approval
  readonly grant?: Grant
  readonly hold?: Hold
}

/** Takes the signed answer. The challenge is spent by it; the answer binds what was shown, and nothing else. */
export async function answer(desk: Desk, person: Identity, signed: SignedChallenge): Promise<Result<Answered>> {
  const checked = await verifySignature(desk, person, signed)
  if (!checked.ok) return checked
  const { passkey, statement, about } = checked.value
  return desk.store.change(async (tx) => {
    const challenge = await tx.get('challenge', signed.challenge)
    if (challenge === undefined || tx.now >= challenge.expiresAt)
      return refuse('approval.signature', { detail: 'the question has expired' })
    await tx.remove('challenge', signed.challenge)
    const open = await openSubject(desk, tx, person, statement)
    if (!open.ok) return open
    if (open.value.digest !== statement.digest) return refuse('approval.signature')
    const kept = await keepCounter(tx, checked.value)
    if (!kept.ok) return kept
    const approval = makeApproval(desk, tx.now, { person, passkey, statement, response: signed.response })
    await tx.put('approval', approval)
    await note(tx, {
      kind: 'approval.signed',
      actor: person.name,
      subject: statement.subject,
      facts: {
        approval: approval.id,
        decision: approval.decision,
        statement: about,
        passkey: passkey.id,
        publicKey: passkey.publicKey,
        assertion: { ...approval.assertion },
      },
    })
    const answered = { desk, tx, person, approval }
    return 'grant' in open.value ? settleGrant(answered, open.value.grant) : settleHold(answered, open.value.hold)
  })
}

type Open = { readonly digest: string } & ({ readonly grant: Grant } | { readonly hold: Hold })

/** What is being answered, if it still waits and this person may answer it and has not. */
async function openSubject(
  desk: Desk,
  tx: Reading & { readonly now: Instant },
  person: Identity,
  answering: Answering,
): Promise<Result<Open>> {
  const { subject } = answering
  const open = subject.startsWith('grn_') ? await openGrant(desk, tx, person, answering) : await openHold(desk, tx, person, subject)
  if (!open.ok) return open
  const earlier = await tx.find('approval', { subject, person: person.id })
  return earlier.length > 0 ? refuse('approval.repeated') : open
}

async function openGrant(
  desk: Desk,
  tx: Reading & { readonly now: Instant },
  person: Identity,
  answering: Answering,
): Promise<Result<Open>> {
  const grant = await tx.get('grant', answering.subject)
  if (grant === undefined || grant.space !== desk.space) return refuse('not-found')
  const may = mayAnswer(desk, person, answerableGrant(grant), tx.now)
  if (!may.ok) return may
  if (grant.state !== 'pending' || tx.now >= grant.pendingUntil) return refuse('approval.closed', { detail: `it is ${grant.state}` })
  const narrowed = narrow(grant, answering.narrowing)
  return narrowed.ok ? done({ digest: grant.digest, grant }) : narrowed
}

async function openHold(desk: Desk, tx: Reading & { readonly now: Instant }, person: Identity, subject: string): Promise<Result<Open>> {
  const hold = await tx.get('hold', subject)
  if (hold === undefined || hold.space !== desk.space) return refuse('not-found')
  const may = mayAnswer(desk, person, answerableHold(desk, hold), tx.now)
  if (!may.ok) return may
  if (hold.state !== 'waiting' || tx.now >= hold.answerBy) return refuse('approval.closed', { detail: `it is ${hold.state}` })
  return done({ digest: hold.digest, hold })
}

interface Checked extends PasskeyUse {
  readonly statement: Statement
  readonly about: string
}

/** Verification happens before the transaction, which asks everything again that could have changed. */
async function verifySignature(desk: Desk, person: Identity, signed: SignedChallenge): Promise<Result<Checked>> {
  const challenge = await desk.store.read((tx) => tx.get('challenge', signed.challenge))
  if (challenge === undefined || challenge.purpose !== 'approve' || challenge.person !== person.id)
    return refuse('approval.signature', { detail: 'the question is unknown or was answered' })
  const used = await verifyPasskey(desk, signed, person)
  if (!used.ok) return used
  const statement = parseStatement(challenge.about)
  return statement.ok ? done({ ...used.value, statement: statement.value, about: challenge.about }) : statement
}

interface Signed {
  readonly person: Identity
  readonly passkey: Passkey
  readonly statement: Statement
  readonly response: JsonObject
}

function makeApproval(desk: Desk, now: Instant, { person, passkey, statement, response }: Signed): Approval {
  const parts = response['response']
  const text = (name: string) => {
    const value = isJsonObject(parts) ? parts[name] : undefined
    return typeof value === 'string' ? value : ''
  }
  return {
    id: desk.chance.id('apr', now),
    space: desk.space,
    subject: statement.subject,
    person: person.id,
    decision: statement.decision,
    narrowing: statement.narrowing,
    digest: statement.digest,
    nonce: statement.nonce,
    passkey: passkey.id,
    assertion: { clientDataJSON: text('clientDataJSON'), authenticatorData: text('authenticatorData'), signature: text('signature') },
    at: now,
  }
}

interface Settling {
  readonly desk: Desk
  readonly tx: Change
  readonly person: Identity
  readonly approval: Approval
}

async function settleGrant({ desk, tx, person, approval }: Settling, grant: Grant): Promise<Result<Answered>> {
  if (approval.decision === 'deny') {
    const denied = await endGrant(tx, grant, { how: 'denied', by: person.name, reason: 'denied by a person' })
    return done({ approval, grant: denied })
  }
  const narrowed = narrow(grant, approval.narrowing)
  if (!narrowed.ok) return narrowed
  const yes = await yesSayers(desk, tx, grant.id, answerableGrant(grant))
  const enough = isSatisfied(grant.requirement, yes) && step(grantLife, grant.state, 'approve') !== undefined
  const next = enough ? await approveGrant(tx, narrowed.value, person.name) : narrowed.value
  await tx.put('grant', next)
  return done({ approval, grant: next })
}

async function settleHold({ desk, tx, person, approval }: Settling, hold: Hold): Promise<Result<Answered>> {
  if (approval.decision === 'deny') {
    const denied: Hold = {
      ...withoutBody(hold),
      state: step(holdLife, hold.state, 'deny') ?? hold.state,
      closedAt: tx.now,
      reason: `denied by ${person.name}`,
    }
    await tx.put('hold', denied)
    await note(tx, { kind: 'hold.denied', actor: person.name, subject: hold.id, facts: { digest: hold.digest } })
    return done({ approval, hold: denied })
  }
  const yes = await yesSayers(desk, tx, hold.id, answerableHold(desk, hold))
  if (!isSatisfied(hold.requirement, yes)) return done({ approval, hold })
  const approved: Hold = { ...hold, state: step(holdLife, hold.state, 'approve') ?? hold.state, approvedAt: tx.now, useBy: tx.now + useMax }
  await tx.put('hold', approved)
  await note(tx, {
    kind: 'hold.approved',
    actor: person.name,
    subject: hold.id,
    facts: { digest: hold.digest, useBy: tx.now + useMax },
  })
  return done({ approval, hold: approved })
}

/** Everybody who signed a yes and might still give it: nobody counts who left, lost the role or came to own what is asked for. */
async function yesSayers(desk: Desk, tx: Reading & { readonly now: Instant }, subject: string, about: Answerable): Promise<Approver[]> {
  const approvals = await tx.find('approval', { subject })
  return approvals.flatMap((each) => {
    const person = desk.facts.identity(each.person)
    const counts = each.decision === 'approve' && person !== undefined && mayAnswer(desk, person, about, tx.now).ok
    return counts ? [asApprover(person)] : []
  })
}
