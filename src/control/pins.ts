/** What tools were when they were granted: kept with the grant at a tool's first call, and moved on by a person's yes to what it is now. */
import { driftHolds, driftOf, pinOf } from '../decision/drift.ts'
import { names } from '../decision/covers.ts'
import { isLive } from '../decision/decide.ts'
import { isJsonObject } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Action, resourceOf } from '../model/actions.ts'
import { type Definition, differencesOf, readDefinition, shortened } from '../model/definitions.ts'
import type { Grant, HeldDefinition, Hold, ToolPin } from '../model/grants.ts'
import { type Desk, machinery, note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import type { Pinning } from './home-port.ts'
import type { Change, Reading } from './ports.ts'

/** Tools of one grant. */
const pinsMax = 1_000
/** In characters: of one tool, and of all tools of one grant. What is beyond is pinned by its hash alone. */
const saysMax = 8_192
const saysOfGrantMax = 65_536
/** What one tool may become, under one grant, so that a person is asked about it: a server that never stops changing it tires whoever answers. */
const changesMax = 8
const titleMax = 200
const descriptionMax = 4_000

/** Refuses `grant.ended`, `action.changed` where the grant does not reach this tool, and `grant.tools-full`. */
export function pinDefinition(desk: Desk, { action, grant: id, says }: Pinning): Promise<Result<undefined>> {
  return desk.store.change(async (tx) => {
    const { definition } = action
    const grant = await tx.get('grant', id)
    if (grant === undefined || !isLive(grant, tx.now)) return refuse('grant.ended')
    if (definition === undefined || !grant.scope.some((entry) => names(entry, action))) return refuse('action.changed')
    // Of two first calls the second finds what the first one pinned, and is decided by it.
    if (pinOf(grant, action) !== undefined) return done(undefined)
    if (Object.keys(grant.tools ?? {}).length >= pinsMax) return refuse('grant.tools-full', { detail: `at most ${pinsMax}` })
    const pin: ToolPin = { hash: definition.hash, ...kept(grant, action, says) }
    await tx.put('grant', withPin(grant, action, pin))
    await note(tx, {
      kind: 'definition.pinned',
      actor: actorOf(desk, grant),
      subject: id,
      facts: { resource: resourceOf(action), definition: pin.hash, ...worseIn(action) },
    })
    return done(undefined)
  })
}

/** The approval of what a tool is now was spent: from here on that is what the grant is for. Nothing happens where nothing differs. */
export async function movePin(tx: Change, { action, grant: id }: Pick<Pinning, 'action' | 'grant'>, hold: Hold): Promise<void> {
  const grant = await tx.get('grant', id)
  const { definition } = action
  if (grant === undefined || definition === undefined || driftOf(grant, action).length === 0) return
  const before = pinOf(grant, action)
  const pin: ToolPin = { hash: definition.hash, accepted: true, ...kept(grant, action, hold.action.definition?.says) }
  await tx.put('grant', withPin(grant, action, pin))
  await note(tx, {
    kind: 'definition.accepted',
    actor: machinery,
    subject: id,
    facts: {
      resource: resourceOf(action),
      definition: pin.hash,
      ...(before === undefined ? {} : { before: before.hash }),
      ...worseIn(action),
      hold: hold.id,
    },
  })
}

/**
 * Whether a yes would still change what its page said that it changes: pinned is what was pinned then, or what was shown. Otherwise an old
 * yes would bring back what people have left behind since.
 */
export function showsWhatIsPinned(grant: Pick<Grant, 'tools'>, { action }: Pick<Hold, 'action'>): boolean {
  const { definition } = action
  const pin = pinOf(grant, action)
  if (definition === undefined || pin === undefined) return true
  return pin.hash === definition.hash || pin.hash === definition.pinned
}

/** Refuses `grant.tool-changes` where people were asked often enough what this tool became under this grant. Other calls of what it is now are no other change. */
export async function mayAskAgain(
  tx: Reading,
  grant: Pick<Grant, 'id'>,
  action: Action,
  policies: readonly string[],
): Promise<Result<undefined>> {
  const { definition } = action
  if (definition === undefined || !policies.includes(driftHolds.changed)) return done(undefined)
  const resource = resourceOf(action)
  let changes = 0
  let last: string | undefined
  for await (const hold of everyRecord(tx, 'hold', { grant: grant.id })) {
    const hash = hold.action.definition?.hash
    if (resourceOf(hold.action) !== resource || !hold.policies.includes(driftHolds.changed)) continue
    if (hash !== last) changes += 1
    last = hash
  }
  return changes < changesMax || last === definition.hash ? done(undefined) : refuse('grant.tool-changes', { detail: `${changes} times` })
}

/** What people are shown of a tool whose call is held; `undefined` for what is no tool. */
export function heldDefinition(grant: Grant, action: Action, says: string | undefined): HeldDefinition | undefined {
  const { definition } = action
  if (definition === undefined) return undefined
  const pin = pinOf(grant, action)
  const now = readSays(says, definition.hash)
  const before = pin === undefined ? undefined : readSays(pin.says, pin.hash)
  const isOther = pin !== undefined && pin.hash !== definition.hash
  return {
    ...definition,
    ...textIn(now, 'title', titleMax),
    ...textIn(now, 'description', descriptionMax),
    ...(isOther ? { pinned: pin.hash } : {}),
    ...(isOther && now !== undefined && before !== undefined ? { differences: differencesOf(before.members, now.members) } : {}),
    ...(now === undefined ? {} : { says: now.text }),
  }
}

function withPin(grant: Grant, action: Action, pin: ToolPin): Grant {
  return { ...grant, tools: { ...grant.tools, [resourceOf(action)]: pin } }
}

function kept({ tools = {} }: Grant, action: Action, says: string | undefined): Pick<ToolPin, 'says'> {
  if (says === undefined || says.length > saysMax) return {}
  const own = resourceOf(action)
  const others = Object.entries(tools).reduce((sum, [name, pin]) => sum + (name === own ? 0 : (pin.says?.length ?? 0)), 0)
  return others + says.length > saysOfGrantMax ? {} : { says }
}

function readSays(says: string | undefined, hash: string): Definition | undefined {
  const read = says === undefined ? undefined : readDefinition(says, hash)
  return read?.ok === true ? read.value : undefined
}

function textIn(said: Definition | undefined, name: 'title' | 'description', max: number): Partial<Record<typeof name, string>> {
  const value = said?.members[name]
  // Titles stood among the annotations before they had a place of their own.
  const hints = said?.members['annotations']
  const found = value ?? (name === 'title' && isJsonObject(hints) ? hints['title'] : undefined)
  if (typeof found !== 'string') return {}
  return { [name]: shortened(found, max) }
}

function worseIn({ definition }: Action): { readonly worse?: string } {
  return definition?.worse === undefined ? {} : { worse: definition.worse }
}

function actorOf({ facts }: Desk, { chain: [actor] }: Grant): string {
  return (actor === undefined ? undefined : facts.identity(actor)?.name) ?? machinery
}
