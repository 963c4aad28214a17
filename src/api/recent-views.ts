/** What was done before a held action, as it is shown to whoever may see the hold: bounded, and no task of others. */
import { formatInstant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Compared, isSameValue, type KeptArguments, type KeptValue } from '../control/compare-arguments.ts'
import type { Caller, Desk } from '../control/desk.ts'
import { type Recent, type RecentAction, recentActions } from '../control/recent-actions.ts'
import { recordedArguments, shortened } from '../control/recorded-arguments.ts'
import { answerableGrant, answerableHold, callerMay, isParty, maySee } from '../control/rights.ts'
import type { Instant } from '../kernel/instants.ts'
import type { Grant } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { argumentText } from '../model/scope.ts'
import type { RecentActionView, RecentValue, RecentView } from '../wire/holds.ts'
import { findGrant } from './grants.ts'
import type { HoldOfGrant } from './hold-views.ts'
import { personMayJudge, personMaySee } from './pages/sight.ts'
import type { ApiParts } from './parts.ts'
import { replaySources } from './replay-sources.ts'
import { nameOf } from './views.ts'

const argumentsMax = 20
const textMax = 200

/** Whose actions somebody may see, and whose tasks. */
interface Sight {
  readonly sees: (chain: Grant['chain']) => boolean
  readonly seesTask: (grant: Grant) => boolean
  /** Whether gateways are named, and not only said to be there. */
  readonly seesGateways: boolean
}

/** For a caller that may see the hold. */
export async function recentForCaller(api: ApiParts, found: HoldOfGrant, caller: Caller): Promise<Result<RecentView>> {
  const sees: Sight['sees'] = (chain) => maySee(api.desk, caller, chain)
  return recentView(api, found, { sees, seesTask: ({ chain }) => sees(chain), seesGateways: callerMay(api.desk, caller, 'audit').ok })
}

/** For a person who may see the hold on its page: whoever may answer it sees what its actor did, in whose name ever. */
export async function recentForPerson(api: ApiParts, found: HoldOfGrant, person: Identity, now: Instant): Promise<Result<RecentView>> {
  const { desk } = api
  const judges = personMayJudge(desk, person, answerableHold(desk, found.hold), now)
  const sees: Sight['sees'] = (chain) => judges || isParty(desk, { actor: person }, chain)
  return recentView(api, found, {
    sees,
    seesTask: (grant) => personMaySee(desk, person, answerableGrant(grant), now),
    seesGateways: judges,
  })
}

async function recentView(
  api: ApiParts,
  { hold, grant }: HoldOfGrant,
  { sees, seesTask, seesGateways }: Sight,
): Promise<Result<RecentView>> {
  const { desk, log } = api
  let recent: Result<Recent>
  try {
    recent = await recentActions(desk, { hold, grant, sources: replaySources(api), sees })
  } catch (cause) {
    log.error('what was done before a hold could not be read', { hold: hold.id, cause })
    return refuse('store.unavailable', { detail: 'the journal cannot be read' })
  }
  if (!recent.ok) return recent
  const { identity, resource, rows, compared, comparedWith, thisGrant, otherGrants, looked } = recent.value
  const now = recordedArguments(hold.action.arguments)
  const statements = await statementsOf(desk, rows, seesTask)
  return done({
    hold: hold.id,
    actor: nameOf(desk, identity),
    resource,
    actions: rows.map((row) => actionView(row, { now, grant, statement: row.grant === undefined ? undefined : statements.get(row.grant) })),
    compared: compared.slice(0, argumentsMax).map(comparisonView),
    comparedWith,
    counts: { thisGrant, otherGrants },
    looked: {
      since: formatInstant(looked.since),
      until: formatInstant(looked.until),
      ...(looked.from === undefined ? {} : { from: formatInstant(looked.from) }),
      ...(looked.cut === undefined ? {} : { cut: looked.cut }),
      elsewhere: seesGateways || looked.elsewhere.length === 0 ? looked.elsewhere : ['other gateways'],
    },
  })
}

async function statementsOf(
  desk: Desk,
  rows: readonly RecentAction[],
  seesTask: Sight['seesTask'],
): Promise<ReadonlyMap<Grant['id'], string>> {
  const found = new Map<Grant['id'], string>()
  for (const id of new Set(rows.flatMap((row) => row.grant ?? []))) {
    const grant = await findGrant(desk, id)
    if (grant !== undefined && seesTask(grant)) found.set(id, cut(grant.task.statement))
  }
  return found
}

interface Beside {
  readonly now: KeptArguments
  readonly grant: Grant
  readonly statement: string | undefined
}

function actionView(row: RecentAction, { now, grant, statement }: Beside): RecentActionView {
  const { at, times, decision, refusal, held, task, became } = row
  const shown = Object.entries(row.arguments)
  const leftOut = shown.length - argumentsMax
  return {
    at: formatInstant(at),
    outcome: outcomeOf(row),
    ...(became?.status === undefined ? {} : { status: became.status }),
    ...(became?.isError === true ? { error: true as const } : {}),
    ...(became?.reason === undefined ? {} : { reason: cut(became.reason) }),
    ...(refusal === undefined || row.outcome !== 'deny' ? {} : { refusal }),
    ...(times === 1 ? {} : { times }),
    ...(decision === undefined ? {} : { decision }),
    ...(held === undefined ? {} : { hold: { id: held.id, state: held.state } }),
    arguments: Object.fromEntries(shown.slice(0, argumentsMax).map(([name, value]) => [name, valueView(value)])),
    ...(leftOut > 0 ? { argumentsLeftOut: leftOut } : {}),
    differs: differing(row.arguments, now),
    ...(row.grant === undefined ? {} : { grant: row.grant }),
    ...(task === undefined ? {} : { task: { kind: task, ...(statement === undefined ? {} : { statement }) } }),
    sameGrant: row.grant === grant.id,
  }
}

const results: ReadonlySet<RecentActionView['outcome']> = new Set(['answered', 'failed', 'cut', 'unknown', 'not-sent', 'delegated'])

function outcomeOf({ outcome, became }: RecentAction): RecentActionView['outcome'] {
  if (outcome !== 'allow') return outcome === 'held' ? 'held' : 'denied'
  return [...results].find((result) => result === became?.result) ?? 'allowed'
}

function differing(one: KeptArguments, other: KeptArguments): string[] {
  const names = new Set([...Object.keys(one), ...Object.keys(other)])
  const own = (given: KeptArguments, name: string) => (Object.hasOwn(given, name) ? given[name] : undefined)
  return [...names].filter((name) => !isSameValue(own(one, name), own(other, name))).slice(0, 2 * argumentsMax)
}

function comparisonView({ name, is, now, before }: Compared): RecentView['compared'][number] {
  return { argument: name, is, ...(now === undefined ? {} : { now: valueView(now) }), before: before.map(valueView) }
}

/** Numbers that JavaScript would round travel as text. */
function valueView(value: KeptValue): RecentValue {
  if (typeof value === 'object' && 'sha256' in value) return { start: value.start, length: value.length, sha256: value.sha256 }
  if (typeof value === 'boolean' || typeof value === 'number') return { value }
  const text = argumentText(value)
  if (text.length <= textMax) return { value: isList(value) ? [...value] : text }
  const { length, sha256, start } = shortened(value)
  return { start, length, sha256 }
}

function isList(value: unknown): value is readonly string[] {
  return Array.isArray(value)
}

function cut(text: string): string {
  return text.length <= textMax ? text : `${text.slice(0, textMax).replace(/[\ud800-\udbff]$/, '')}…`
}
