import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { PolicyChecker } from '../host/policy-checker.ts'
import type { Application } from '../model/applications.ts'
import { KnownApplications } from './known-applications.ts'
import { Slices } from './slices.ts'

const checker = new PolicyChecker()
after(() => checker.close())

/** Every slice is over at once. */
function hasty() {
  let now = 0
  let turns = 0
  const turn = () => new Promise<void>((resolve) => setImmediate(() => resolve(void (turns += 1))))
  return { now: () => (now += 20), after: () => () => undefined, turn, turns: () => turns }
}

const count = 300

async function published(version: string): Promise<Application> {
  const schema = { name: 'a.cedarschema', text: 'entity User; action view appliesTo { principal: User, resource: User };' }
  const file = { name: 'a.cedar', text: `@id("${version}") permit (principal, action, resource);` }
  const checked = await checker.checkApplication({ schema, files: [file], links: [], linksName: '' })
  if ('problems' in checked) assert.fail(checked.problems[0]?.message)
  return {
    id: 'wiki',
    space: 'main',
    version,
    schema: { ...schema, json: checked.schema },
    files: [file],
    parsed: checked.policies,
    links: [],
    entities: Array.from({ length: count }, (_, n) => ({ uid: { type: 'User', id: `u${n}` }, attrs: {}, parents: [] })),
    callers: [{ kind: 'identity', name: 'meter' }],
    publishedAt: 1,
    publishedBy: 'ana',
  }
}

test('what nobody prepared is opened in slices, once for all who ask', async () => {
  const known = new KnownApplications()
  known.put(await published('one'))
  const clock = hasty()
  const [first, second] = await Promise.all([1, 2].map(async () => known.ready('wiki', new Slices(clock))))
  assert.equal(first?.version, 'one')
  assert.equal(second, first)
  assert.equal(known.get('wiki'), first)
  assert.ok(clock.turns() >= count)
  assert.equal(await known.ready('other', new Slices(clock)), undefined)
})

test('whoever asks while it is opened is answered by what is there then', async () => {
  const known = new KnownApplications()
  const [one, two] = [await published('one'), await published('two')]
  known.put(one)
  const asked = known.ready('wiki', new Slices(hasty()))
  known.put(two)
  assert.equal((await asked)?.version, 'two')
  known.put(one)
  const late = known.ready('wiki', new Slices(hasty()))
  known.put({ ...one, removedAt: 2 })
  assert.equal(await late, undefined)
  assert.equal(known.record('wiki'), undefined)
})
