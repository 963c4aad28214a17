/** Held actions as they are shown to whoever may see them. */
import { formatInstant } from '../kernel/instants.ts'
import type { Desk } from '../control/desk.ts'
import { describeRequirement } from '../control/rights.ts'
import type { Approval, Grant, Hold } from '../model/grants.ts'
import type { HoldView } from '../wire/holds.ts'
import type { WireValue } from '../wire/values.ts'
import { approvalsOf, approvalViews } from './grant-views.ts'
import { instants, nameOf } from './views.ts'

export interface HoldOfGrant {
  readonly hold: Hold
  readonly grant: Grant
}

/** One read for all of them. */
export async function holdViews(desk: Desk, holds: readonly HoldOfGrant[]): Promise<HoldView[]> {
  if (holds.length === 0) return []
  const approvals = await desk.store.read((tx) =>
    approvalsOf(
      tx,
      holds.map(({ hold }) => hold),
    ),
  )
  return holds.map((each) =>
    holdView(
      desk,
      each,
      approvals.filter((approval) => approval.subject === each.hold.id),
    ),
  )
}

export async function oneHoldView(desk: Desk, hold: HoldOfGrant): Promise<HoldView> {
  const [view] = await holdViews(desk, [hold])
  if (view === undefined) throw new Error('one hold has one view')
  return view
}

function holdView(desk: Desk, { hold, grant }: HoldOfGrant, approvals: readonly Approval[]): HoldView {
  const { action, id, state, policies, digest, reason } = hold
  const [actor] = grant.chain
  const body = action.body === undefined ? undefined : readBody(action.body)
  return {
    id,
    state,
    grant: hold.grant,
    actor: actor === undefined ? '' : nameOf(desk, actor),
    target: action.target,
    service: action.service,
    operation: action.operation,
    effect: action.effect,
    tier: action.tier,
    arguments: argumentViews(action.arguments),
    headers: action.headers,
    ...(body === undefined
      ? {}
      : { body: body.text === undefined ? { encoding: 'base64', content: action.body ?? '' } : { encoding: 'utf-8', content: body.text } }),
    ...definitionIn(hold),
    policies,
    approval: describeRequirement(hold.requirement),
    approvals: approvalViews(desk, approvals),
    openedAt: formatInstant(hold.openedAt),
    answerBy: formatInstant(hold.answerBy),
    ...instants({ useBy: hold.useBy, closedAt: hold.closedAt }),
    ...(reason === undefined ? {} : { reason }),
    digest,
    page: `${desk.pages().origin}/holds/${id}`,
  }
}

/** Without all of it, which is long and on its page. */
function definitionIn({ action: { definition } }: Hold): Pick<HoldView, 'definition'> {
  if (definition === undefined) return {}
  const { says: _whole, ...shown } = definition
  return { definition: shown }
}

/** Numbers that JavaScript would round travel as text. */
function argumentViews(given: Hold['action']['arguments']): HoldView['arguments'] {
  return Object.fromEntries(
    Object.entries(given).map(([name, value]): [string, WireValue] => {
      if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') return [name, value]
      return [name, isList(value) ? [...value] : value.toString()]
    }),
  )
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

export interface Body {
  readonly bytes: Uint8Array
  /** Absent where the bytes are no UTF-8. */
  readonly text?: string
}

/** The exact bytes of a held body, and their text if they have one reading. */
export function readBody(base64: string): Body {
  const bytes = new Uint8Array(Buffer.from(base64, 'base64'))
  try {
    return { bytes, text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return { bytes }
  }
}
