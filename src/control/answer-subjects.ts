/** What every kind of thing that people say yes or no to has in common: whose answer counts, what is signed, and what comes of it. */
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { ChangeSet } from '../model/change-sets.ts'
import type { Approval, Grant, Hold, Narrowing, SubjectId } from '../model/grants.ts'
import type { Identity, StandingException } from '../model/identities.ts'
import type { Approver } from '../model/requirements.ts'
import type { Desk } from './desk.ts'
import type { Change, Reading } from './ports.ts'
import type { Answerable } from './rights.ts'
import { yesesThatCount } from './still-stands.ts'

export interface Answering {
  readonly subject: SubjectId
  readonly decision: 'approve' | 'deny'
  readonly narrowing: Narrowing
}

/** What became of the subject, each under the name of its kind. */
export interface Became {
  /** The state of its life after the answer. */
  readonly state: string
  readonly grant?: Grant
  readonly hold?: Hold
  readonly changeSet?: ChangeSet
  readonly exception?: StandingException
}

/** A signed answer, in the change that keeps it: the approval is put already. */
export interface Settling {
  readonly desk: Desk
  readonly tx: Change
  readonly person: Identity
  readonly approval: Approval
}

/** The subject as it is in the store now. */
export interface OpenSubject {
  readonly answerable: Answerable
  /** Of everything that the answer binds. */
  readonly digest: string
  /** State of its life, as it is told to whoever comes too late. */
  readonly state: string
  readonly isOpen: boolean
  /** Whether what the person takes away can be taken away from it. */
  fits(narrowing: Narrowing): Result<undefined>
  settle(settling: Settling): Promise<Result<Became>>
}

/** One question, put together before the transaction in which it is answered. */
export interface SubjectQuestion {
  /** Reads it anew inside the transaction; `undefined` where there is no such thing in this space. */
  open(tx: Reading & { readonly now: Instant }): Promise<Result<OpenSubject | undefined>>
  /** Once the answer is kept. */
  readonly after?: () => Promise<unknown>
}

/** One kind: a row of the table in `answer.ts`, by the prefix of its ids. */
export interface SubjectKind {
  /** As it is shown, outside any transaction. */
  find(desk: Desk, id: string): Promise<{ readonly digest: string; readonly answerable: Answerable } | undefined>
  /** What takes long (checking policies) is done here, where nobody waits for the store. */
  ask(desk: Desk, answering: Answering): Promise<Result<SubjectQuestion>>
}

/** For whatever is answered whole. */
export function takesNothingAway(narrowing: Narrowing): Result<undefined> {
  return Object.keys(narrowing).length === 0 ? done(undefined) : refuse('approval.widens', { detail: 'this is answered as it is, or not' })
}

/** Everybody who signed a yes and might still give it: nobody counts who left, lost the role or came to own what is asked for. */
export async function yesSayers(
  desk: Desk,
  tx: Reading & { readonly now: Instant },
  subject: string,
  about: Answerable,
): Promise<Approver[]> {
  const approvals = (await tx.find('approval', { subject })).filter((each) => each.decision === 'approve')
  return [...yesesThatCount(desk, approvals, about, tx.now).counting]
}
