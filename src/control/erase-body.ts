/** Erases the body of an entry, by right and with a reason. Its commitment stays, and with it every proof. */
import { isJsonObject, parseJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { erasureKind } from '../ledger/verify.ts'
import { type Caller, type Desk, note } from './desk.ts'
import { callerMay } from './rights.ts'

/**
 * What may be erased, by the beginning of its kind: entries that tell of somebody's work, and so may hold what should never have been
 * written down. Every other kind is kept, those that are not known here included: what was signed and with which key (`approval`,
 * `passkey`), what anybody may do (`configuration`, `policy`, `exception`, `change-set`), and what the proofs stand on (`journal`, `ledger`).
 */
const erasable: readonly string[] = ['grant.', 'use.', 'session.', 'hold.', 'identity.', 'credential.', 'link.', 'person.', 'signal.']

export interface Erased {
  readonly index: number
  readonly kind: string
}

/**
 * Needs the right to administer. Refuses `not-found` where there is no such body in this space, `ledger.kept` for what is kept, and
 * `caller.not-allowed` to whoever did what the entry tells: nobody erases their own traces.
 */
export async function eraseBody(desk: Desk, caller: Caller, index: number, reason: string): Promise<Result<Erased>> {
  const may = callerMay(desk, caller, 'administer')
  if (!may.ok) return may
  const [row] = await desk.log.leaves(index, 1)
  const entry = row?.index === index && row.body !== undefined ? readEntry(row.body) : undefined
  if (entry?.space !== desk.space) return refuse('not-found', { detail: 'no entry of this number has a body here' })
  const { kind, actor, subject } = entry
  if (!erasable.some((beginning) => kind.startsWith(beginning))) return refuse('ledger.kept', { detail: `${kind} is kept for good` })
  const own = caller.chain.find((link) => link.name === actor || link.id === subject)
  if (own !== undefined) return refuse('caller.not-allowed', { detail: `it tells of ${own.name}: another administrator must erase it` })
  return desk.store.change(async (tx) => {
    if (!(await tx.eraseBody(index))) return refuse('not-found', { detail: 'no entry of this number has a body here' })
    await note(tx, { kind: erasureKind, actor: caller.actor.name, subject: String(index), facts: { leaf: index, reason, kind } })
    return done({ index, kind })
  })
}

interface Entry {
  readonly space: string
  readonly kind: string
  readonly actor: string
  readonly subject: string
}

function readEntry(body: string): Entry | undefined {
  const parsed = parseJson(body, { bytesMax: 4_194_304, depthMax: 90 })
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined
  const { space, kind, actor, subject } = parsed.value
  if (typeof space !== 'string' || typeof kind !== 'string' || typeof actor !== 'string' || typeof subject !== 'string') return undefined
  return { space, kind, actor, subject }
}
