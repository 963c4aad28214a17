/** A person's yes or no: a challenge over exactly what is being answered, a passkey's signature over it, kept in the ledger. */
import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Approval, type SubjectId, subjectPrefixes } from '../model/grants.ts'
import type { Identity, Passkey } from '../model/identities.ts'
import { exceptionSubject } from './answer-exception.ts'
import { changeSetSubject } from './answer-change-set.ts'
import { grantSubject } from './answer-grant.ts'
import { holdSubject } from './answer-hold.ts'
import type { Answering, Became, OpenSubject, SubjectKind, SubjectQuestion } from './answer-subjects.ts'
import { type Desk, note } from './desk.ts'
import { keepCounter, passkeysOf, type PasskeyUse, type SignedChallenge, verifyPasskey } from './passkey-use.ts'
import { parseStatement, type Statement, writeStatement } from './parse-statement.ts'
import type { Change, Reading } from './ports.ts'
import { letInByParty, mayAnswer } from './rights.ts'

const challengeMax = 300_000

/**
 * What can be answered, by the prefix of its ids. A kind more: its prefix in `subjectPrefixes` (model/grants.ts), a file
 * `answer-<kind>.ts` with its `SubjectKind`, a row here, and a row in `api/pages/waiting-items.ts` for who waits.
 */
const kinds: Partial<Readonly<Record<(typeof subjectPrefixes)[number], SubjectKind>>> = {
  grn: grantSubject,
  hld: holdSubject,
  chg: changeSetSubject,
  exc: exceptionSubject,
}

function kindOf(subject: SubjectId): SubjectKind | undefined {
  const prefix = subjectPrefixes.find((each) => subject.startsWith(`${each}_`))
  return prefix === undefined ? undefined : kinds[prefix]
}

/** What is being answered, as it is shown: its digest, and whose answer counts. */
export async function findSubject(desk: Desk, subject: SubjectId): ReturnType<SubjectKind['find']> {
  return kindOf(subject)?.find(desk, subject)
}

/** What the browser needs to sign: the challenge and the person's passkeys. */
export interface Prepared {
  readonly challenge: string
  readonly credentialIds: readonly string[]
}

/** Opens the question for one person: who may not answer hears why before anything is signed. */
export async function prepareAnswer(desk: Desk, person: Identity, answering: Answering): Promise<Result<Prepared>> {
  const question = await askAbout(desk, answering)
  if (!question.ok) return question
  return desk.store.change(async (tx) => {
    const open = await openSubject({ desk, tx, person, answering }, question.value)
    if (!open.ok) return open
    const passkeys = await passkeysOf(tx, person.id)
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

export interface Answered extends Became {
  readonly approval: Approval
}

/** Takes the signed answer. The challenge is spent by it; the answer binds what was shown, and nothing else. */
export async function answer(desk: Desk, person: Identity, signed: SignedChallenge): Promise<Result<Answered>> {
  const checked = await verifySignature(desk, person, signed)
  if (!checked.ok) return checked
  const question = await askAbout(desk, checked.value.statement)
  if (!question.ok) return question
  return desk.stopping.through(async () => {
    const answered = await desk.store.change((tx) => keepAnswer({ desk, tx, person, signed }, checked.value, question.value))
    if (answered.ok) await question.value.after?.()
    return answered
  })
}

interface Keeping {
  readonly desk: Desk
  readonly tx: Change
  readonly person: Identity
  readonly signed: SignedChallenge
}

async function keepAnswer({ desk, tx, person, signed }: Keeping, checked: Checked, question: SubjectQuestion): Promise<Result<Answered>> {
  const { passkey, statement, about } = checked
  const challenge = await tx.get('challenge', signed.challenge)
  if (challenge === undefined || tx.now >= challenge.expiresAt) return refuse('approval.signature', { detail: 'the question has expired' })
  await tx.remove('challenge', signed.challenge)
  const open = await openSubject({ desk, tx, person, answering: statement }, question)
  if (!open.ok) return open
  if (open.value.digest !== statement.digest) return refuse('approval.signature')
  const kept = await keepCounter(tx, checked)
  if (!kept.ok) return kept
  const came = letInByParty(desk, person.id, open.value.answerable, tx.now)
  const made = makeApproval(desk, tx.now, { person, passkey, statement, response: signed.response })
  const approval = came === undefined ? made : { ...made, letInBy: came.by }
  await tx.put('approval', approval)
  await note(tx, {
    kind: 'approval.signed',
    actor: person.name,
    subject: statement.subject,
    facts: {
      approval: approval.id,
      decision: approval.decision,
      ...(came === undefined ? {} : { letInBy: came.by }),
      statement: about,
      passkey: passkey.id,
      publicKey: passkey.publicKey,
      assertion: { ...approval.assertion },
    },
  })
  const became = await open.value.settle({ desk, tx, person, approval })
  return became.ok ? done({ approval, ...became.value }) : became
}

async function askAbout(desk: Desk, answering: Answering): Promise<Result<SubjectQuestion>> {
  const kind = kindOf(answering.subject)
  return kind === undefined ? refuse('not-found') : kind.ask(desk, answering)
}

interface Opening {
  readonly desk: Desk
  readonly tx: Reading & { readonly now: Instant }
  readonly person: Identity
  readonly answering: Answering
}

/** What is being answered, if it still waits and this person may answer it and has not. */
async function openSubject({ desk, tx, person, answering }: Opening, question: SubjectQuestion): Promise<Result<OpenSubject>> {
  const open = await question.open(tx)
  if (!open.ok) return open
  if (open.value === undefined) return refuse('not-found')
  const { answerable, state, isOpen } = open.value
  const may = mayAnswer(desk, person, answerable, tx.now)
  if (!may.ok) return may
  if (!isOpen) return refuse('approval.closed', { detail: `it is ${state}` })
  const fitting = open.value.fits(answering.narrowing)
  if (!fitting.ok) return fitting
  const earlier = await tx.find('approval', { subject: answering.subject, person: person.id })
  return earlier.length > 0 ? refuse('approval.repeated') : done(open.value)
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
