/** Random scenes as control's own facts hold them: the shop, its people and grants, and policies checked and compiled. */
import { Facts } from '../../src/control/facts.ts'
import type { FactChange } from '../../src/model/records.ts'
import { cedarSchema } from '../../src/decision/schema.ts'
import { schemaWorld } from '../../src/decision/world.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import { makeId } from '../../src/kernel/ids.ts'
import { isJsonObject, parseJson } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { readConfiguration } from '../../src/model/configuration.ts'
import type { Grant } from '../../src/model/grants.ts'
import type { Identity } from '../../src/model/identities.ts'
import { parseScopeLine } from '../../src/model/scope.ts'
import type { Service } from '../../src/model/services.ts'
import { type Dice, seededChance } from '../world/chance.ts'
import { chanceOf, randomArgument, randomCountedLine, roleNames, taskKinds } from './random-scenes.ts'
import { cedarText, operationNames, type RuleBook, shopService } from './rule-book.ts'
import { type Asked, type Being, type Lent, lineText, names, type Scene } from './second-opinion.ts'

export const now = Date.UTC(2030, 0, 1)
export const minute = 60_000
export const people = ['ana', 'ben']

export const shop = ((): Service => {
  const document = mustBe(parseJson(JSON.stringify({ version: 1, services: [shopService] })))
  const read = readConfiguration(isJsonObject(document) ? document : {})
  const [service] = 'problems' in read ? [] : read.configuration.services
  if (service === undefined) throw new Error('the shop can be read')
  const { name, credential: _none, ...rest } = service
  return { id: name, space: 'main', ...rest }
})()

/** The same scene as control's own facts hold it, and the ids that its names have there. */
export function factsOf(
  scene: Scene,
  parsed: Awaited<ReturnType<typeof parse>>,
): { readonly facts: Facts; readonly idOf: (name: string) => Identity['id'] } {
  const facts = new Facts('main')
  const ids = new Map([...scene.beings.keys()].map((name, number) => [name, makeId('idn', number, seededChance(number).bytes(10))]))
  const idOf = (name: string) => ids.get(name) ?? makeId('idn', 999, seededChance(999).bytes(10))
  const changes: FactChange[] = [{ kind: 'service', id: 'shop', record: shop }]
  for (const being of scene.beings.values()) {
    const { name, kind, roles, owner } = being
    const record: Identity = {
      id: idOf(name),
      space: 'main',
      name,
      kind,
      roles,
      state: being.live ? 'live' : 'disabled',
      signsInBy: [],
      createdAt: 0,
      ...(owner === undefined ? {} : { owner: idOf(owner) }),
      ...(being.contained ? { quarantine: { at: 0, by: 'test', reason: '' } } : {}),
    }
    changes.push({ kind: 'identity', id: record.id, record })
  }
  const proof = {
    id: 'crd_1',
    space: 'main',
    identity: idOf('ana'),
    hash: '',
    issuedBy: 'test',
    createdAt: 0,
    expiresAt: now + 600 * minute,
  } as const
  changes.push({ kind: 'credential', id: proof.id, record: proof })
  for (const lent of scene.lent) changes.push(...grantChanges(lent, idOf))
  changes.push({
    kind: 'policySet',
    id: 'current',
    record: { id: 'current', space: 'main', version: '1', files: [], parsed, publishedAt: 0, publishedBy: 'test' },
  })
  facts.apply({ version: 1, at: now, changes })
  return { facts, idOf }
}

function grantChanges(lent: Lent, idOf: (name: string) => Identity['id']): FactChange[] {
  const id = lent.id as Grant['id']
  const grant: Grant = {
    id,
    space: 'main',
    chain: lent.chain.map(idOf),
    task: { kind: lent.task, statement: '', claimed: [], proved: [] },
    scope: lent.lines.map((line) => mustBe(parseScopeLine(lineText(line)))),
    tier: 0,
    state: lent.active ? 'active' : 'approved',
    duration: lent.duration,
    durationMax: lent.duration,
    requirement: { selector: { parts: [] }, personsMin: 0 },
    policies: [],
    digest: '',
    idleMax: 600 * minute,
    requestedAt: 0,
    pendingUntil: 0,
    expiresAt: lent.endsAt,
  }
  const uses = lent.spent.map((spent, line): FactChange => {
    const recent = (lent.ago?.[line] ?? []).map((ago) => ({ at: now - ago, actions: 1 }))
    const record = { id: `${id}/${line}`, space: 'main', grant: id, line, spent, sum: (lent.sums?.[line] ?? 0) * 10_000, recent }
    return { kind: 'uses', id: record.id, record }
  })
  return [{ kind: 'grant', id, record: grant }, ...uses]
}

export const checker = new PolicyChecker()
export async function parse(book: RuleBook) {
  const checked = await checker.check([{ name: 'book.cedar', text: cedarText(book) }], cedarSchema(schemaWorld([shop], [])))
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems, null, 2))
  return checked.policies
}

export function randomScene(dice: Dice, book: RuleBook): Scene {
  const roles = () => roleNames.filter((role) => chanceOf(dice, role === 'agents' ? 85 : 45))
  const being = (name: string, kind: Being['kind'], owner?: string): Being => {
    return { name, kind, live: chanceOf(dice, 95), contained: chanceOf(dice, 4), roles: roles(), ...(owner === undefined ? {} : { owner }) }
  }
  const beings = [
    being('ana', 'human'),
    being('ben', 'human'),
    being('aide', 'ai-agent', 'ana'),
    being('bot', 'service-account', dice.pick(people)),
  ]
  const chains = [['aide'], ['bot'], ['ana'], ['aide', 'ana'], ['aide', 'bot']]
  const lent = Array.from({ length: dice.below(4) }, (_, number): Lent => {
    const lines = Array.from({ length: 1 + dice.below(2) }, () => randomCountedLine(dice))
    return {
      id: `grn_${'0'.repeat(25)}${number}`,
      chain: chanceOf(dice, 60) ? ['aide'] : dice.pick(chains),
      lines,
      task: dice.pick(taskKinds),
      duration: (1 + dice.below(40)) * minute,
      active: chanceOf(dice, 90),
      endsAt: now + dice.pick([-1, 0, 1, 1, 1_000, 1_000, 60_000]),
      spent: lines.map(() => dice.below(3)),
      sums: lines.map(() => dice.below(60)),
      ago: lines.map(() => Array.from({ length: dice.below(4) }, () => dice.below(15_000)).toSorted((a, b) => b - a)),
    }
  })
  return { beings: new Map(beings.map((each) => [each.name, each])), book, lent }
}

export function randomQuestion(dice: Dice, scene: Scene): Asked {
  const lines = scene.lent.flatMap((each) => each.lines)
  const fitting = lines.length === 0 ? [] : operationNames.filter((name) => names(dice.pick(lines), name))
  const operation = dice.pick(fitting.length > 0 && chanceOf(dice, 70) ? fitting : operationNames)
  const argument = chanceOf(dice, 97) ? randomArgument(dice, operation) : undefined
  const named = scene.lent.length > 0 && chanceOf(dice, 50) ? dice.pick(scene.lent) : undefined
  const chain = named !== undefined && chanceOf(dice, 85) ? named.chain : dice.pick([['aide'], ['bot'], ['ana'], ['aide', 'ana']])
  return {
    chain,
    proofStands: chanceOf(dice, 96),
    ...(named === undefined ? {} : { grant: chanceOf(dice, 95) ? named.id : `grn_${'9'.repeat(26)}` }),
    operation,
    ...(argument === undefined ? {} : { argument }),
    now,
  }
}
