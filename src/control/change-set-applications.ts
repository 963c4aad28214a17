/** What a change does to applications that bring their own policies: only what certainly lets nobody do more counts as narrowing. */
import { canonicalJson, isJsonObject } from '../kernel/json.ts'
import { namedEntity } from '../decision/cedar/read-values.ts'
import { type Application, type ApplicationPolicy, describeCallers } from '../model/applications.ts'
import type { ChangeClass, ChangeLine } from '../model/change-sets.ts'
import type { Picture } from './configuration-picture.ts'
import type { Slices } from './slices.ts'

const notEnforced = 'not enforced by Remit'
const namedMax = 5

/** In slices: an application may have tens of thousands of entities. */
export async function applicationLines(
  { before, after }: { readonly before: Pick<Picture, 'applications'>; readonly after: Pick<Picture, 'applications'> },
  slices: Slices,
): Promise<ChangeLine[]> {
  const lines: ChangeLine[] = []
  for (const now of after.applications.values()) {
    const old = before.applications.get(now.id)
    if (old === undefined) lines.push(line(now.id, 'add', 'widens', `${askedBy(now)}: ${contents(now)}; ${notEnforced}`))
    else if (old !== now) lines.push(...(await changes(old, now, slices)))
  }
  for (const old of before.applications.values()) {
    if (!after.applications.has(old.id))
      lines.push(line(old.id, 'remove', 'narrows', `is gone: whoever asks it is told that it is not there; its name is never used again`))
  }
  return lines
}

function line(name: string, what: ChangeLine['what'], changeClass: ChangeClass, says: string): ChangeLine {
  return { kind: 'application', name, what, class: changeClass, says }
}

function askedBy({ callers }: Application): string {
  return `may be asked by ${describeCallers(callers)}`
}

function contents({ parsed, links, entities }: Application): string {
  const templates = parsed.filter(({ isTemplate }) => isTemplate).length
  return [
    count(parsed.length - templates, 'policy', 'policies'),
    ...(templates === 0 ? [] : [`${count(templates, 'template', 'templates')} with ${count(links.length, 'link', 'links')}`]),
    count(entities.length, 'entity', 'entities'),
  ].join(', ')
}

function count(number: number, one: string, several: string): string {
  return `${number} ${number === 1 ? one : several}`
}

async function changes(old: Application, now: Application, slices: Slices): Promise<readonly ChangeLine[]> {
  const lines = [
    ...callerLines(old, now),
    ...schemaLines(old, now),
    ...(await policyLines(old, now, slices)),
    ...(await entityLines(old, now, slices)),
  ]
  // Comments and the order of things: no answer is another one.
  return lines.length > 0 ? lines : [line(now.id, 'change', 'neutral', 'is written in another way')]
}

function callerLines(old: Application, now: Application): readonly ChangeLine[] {
  const [was, is] = [old, now].map(({ callers }) => new Set(callers.map((each) => `${each.kind}:${each.name}`)))
  if (was === undefined || is === undefined || was.symmetricDifference(is).size === 0) return []
  const says = `${askedBy(now)} instead of ${describeCallers(old.callers)}`
  return [line(now.id, 'change', is.isSubsetOf(was) ? 'narrows' : 'widens', says)]
}

function schemaLines(old: Application, now: Application): readonly ChangeLine[] {
  if (canonicalJson(old.schema.json) === canonicalJson(now.schema.json)) return []
  return [line(now.id, 'change', 'widens', 'has another schema: what may be asked, and what a policy means, may be another')]
}

/** What decides, or is linked to decide: `content` is another where it may decide otherwise. */
interface Part {
  readonly effect: 'permit' | 'forbid'
  /** Whether it says more than its id: whoever it permits is then told something, as an obligation, that another permit may not say. */
  readonly isAnnotated: boolean
  readonly content: string
}

/** A permit that goes and a forbid that comes let nobody do more; every other change may. */
async function policyLines(old: Application, now: Application, slices: Slices): Promise<readonly ChangeLine[]> {
  const [was, is] = [await partsOf(old, slices), await partsOf(now, slices)]
  const lines: ChangeLine[] = []
  const tell = (parts: readonly (readonly [string, Part])[], changeClass: ChangeClass, says: string) => {
    if (parts.length > 0) lines.push(line(now.id, 'change', changeClass, `${says} ${named(parts.map(([id]) => id))}`))
  }
  const added = [...is].filter(([id]) => !was.has(id))
  const removed = [...was].filter(([id]) => !is.has(id))
  const isForbid = ([, { effect }]: readonly [string, Part]) => effect === 'forbid'
  const isSilent = ([, { effect, isAnnotated }]: readonly [string, Part]) => effect === 'permit' && !isAnnotated
  const isTelling = ([, { effect, isAnnotated }]: readonly [string, Part]) => effect === 'permit' && isAnnotated
  tell(added.filter(isForbid), 'narrows', 'forbids by')
  tell(
    added.filter((each) => !isForbid(each)),
    'widens',
    'permits by',
  )
  tell(removed.filter(isSilent), 'narrows', 'no longer permits by')
  tell(removed.filter(isTelling), 'widens', 'no longer permits, nor demands what it says of whom it permits, by')
  tell(removed.filter(isForbid), 'widens', 'no longer forbids by')
  tell(
    [...is].filter(([id, { content }]) => (was.get(id)?.content ?? content) !== content),
    'widens',
    'decides otherwise by',
  )
  return lines
}

/** Policies and templates by their ids, and links by theirs: no two of them have the same. */
async function partsOf({ parsed, links }: Application, slices: Slices): Promise<ReadonlyMap<string, Part>> {
  const parts = new Map<string, Part>()
  for (const each of parsed) {
    await slices.pause()
    parts.set(each.id, partOf(each))
  }
  for (const link of links) {
    const template = parts.get(link.template)
    if (template !== undefined) parts.set(link.id, { ...template, content: canonicalJson(link) })
  }
  return parts
}

function partOf({ json, isTemplate }: ApplicationPolicy): Part {
  const { annotations } = json
  const isAnnotated = isJsonObject(annotations) && Object.keys(annotations).some((name) => name !== 'id')
  return { effect: json['effect'] === 'forbid' ? 'forbid' : 'permit', isAnnotated, content: canonicalJson({ isTemplate, json }) }
}

/** Whoever is in other groups, or is otherwise described, may be let do more or less: nobody can say in general. */
async function entityLines(old: Application, now: Application, slices: Slices): Promise<readonly ChangeLine[]> {
  const [was, is] = [await entitiesOf(old, slices), await entitiesOf(now, slices)]
  const added = [...is.keys()].filter((uid) => !was.has(uid))
  const removed = [...was.keys()].filter((uid) => !is.has(uid))
  const changed = [...is].flatMap(([uid, text]) => ((was.get(uid) ?? text) === text ? [] : [uid]))
  const tell = (uids: readonly string[], says: string) =>
    uids.length === 0
      ? []
      : [line(now.id, 'change', 'widens', `${count(uids.length, 'entity is', 'entities are')} ${says}: ${named(uids)}`)]
  return [...tell(added, 'added'), ...tell(removed, 'gone'), ...tell(changed, 'described otherwise')]
}

async function entitiesOf({ entities }: Application, slices: Slices): Promise<ReadonlyMap<string, string>> {
  const texts = new Map<string, string>()
  for (const entity of entities) {
    await slices.pause()
    const { type, id } = namedEntity(entity['uid'], '')
    texts.set(`${type}::${canonicalJson(id)}`, canonicalJson(entity))
  }
  return texts
}

function named(names: readonly string[]): string {
  const rest = names.length - namedMax
  return `${names.slice(0, namedMax).join(', ')}${rest > 0 ? ` and ${rest} more` : ''}`
}
