/** Configurations in a world: founded before anybody is registered, and changed the way Remit is changed: proposed, and signed by its people. */
import assert from 'node:assert/strict'
import { answerableChangeSet, type Author } from '../../src/control/change-set-price.ts'
import { type Proposal, proposeChange } from '../../src/control/change-sets.ts'
import type { Desk } from '../../src/control/desk.ts'
import { mayAnswer } from '../../src/control/rights.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { ChangeSet } from '../../src/model/change-sets.ts'
import { asDocument } from './shop.ts'
import type { World } from './world.ts'

/** Not the name under which tests invite: whoever came in by the machine's operator does not sign for the machine. */
export const operator = { machine: 'operator' } as const

/** Before anybody is registered a document applies by itself. */
export async function found(desk: Desk, document: JsonObject): Promise<void> {
  const { changeSet } = mustBe(await proposeChange(desk, operator, { document, prune: 'policies' }))
  assert.ok(changeSet === undefined || changeSet.state === 'applied', 'somebody is registered already')
}

/** Proposes as whoever runs the machine, and lets people sign until it applies; false where too few of them may. */
export async function tryConfigure(world: World, document: JsonObject): Promise<boolean> {
  const { changeSet } = mustBe(await proposeChange(world.desk, operator, { document, prune: 'policies' }))
  return changeSet === undefined || (await signAll(world, changeSet)) === 'applied'
}

/** Everybody who may says yes until it is enough. Answers the state it came to. */
export async function signAll(world: World, changeSet: ChangeSet): Promise<ChangeSet['state']> {
  let { state } = changeSet
  for (const person of [...world.desk.facts.people()]) {
    if (state !== 'proposed') return state
    if (!world.desk.facts.hasPasskey(person.id)) continue
    if (!mayAnswer(world.desk, person, answerableChangeSet(changeSet), world.clock.now()).ok) continue
    state = mustBe(await world.answer(person.name, changeSet.id, 'approve')).changeSet?.state ?? state
  }
  return state
}

/** As `tryConfigure`; fails where it does not apply. */
export async function configure(world: World, document: JsonObject): Promise<void> {
  assert.ok(await tryConfigure(world, document), 'too few people may sign')
}

/** Somebody new, without roles: their people sign it. */
export async function addPerson(world: World, name: string): Promise<void> {
  await configure(world, asDocument({ version: 1, space: world.desk.space, people: [{ name }] }))
}

/** Proposes by an author of one's own. */
export async function propose(world: World, author: Author, proposal: Proposal): Promise<ChangeSet> {
  const { changeSet } = mustBe(await proposeChange(world.desk, author, proposal))
  assert.ok(changeSet !== undefined, 'there is something to do')
  return changeSet
}
