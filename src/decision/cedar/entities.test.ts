/** Ancestors of entities, held against a plain search through the parents, over random changes. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { type EntityInput, type EntityStore, entityStore } from './entities.ts'
import { Uid } from './values.ts'

const uid = (name: string) => new Uid('E', name)
const entity = (name: string, ...parents: string[]): EntityInput => ({ uid: uid(name), attributes: new Map(), parents: parents.map(uid) })

function ancestors(store: EntityStore, name: string): readonly string[] {
  return [...store.ancestorsOf(uid(name).key)].map((key) => key.slice('E::"'.length)).toSorted()
}

function built(...entities: EntityInput[]): EntityStore {
  const store = entityStore(entities)
  assert.ok(store.ok)
  return store.value
}

/** All names above this one, found by walking. */
function walk(parents: ReadonlyMap<string, readonly string[]>, name: string): readonly string[] {
  const above = new Set<string>()
  const waiting = [...(parents.get(name) ?? [])]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    if (above.has(next)) continue
    above.add(next)
    waiting.push(...(parents.get(next) ?? []))
  }
  return [...above].toSorted()
}

test('after any additions, changes and removals every ancestor is known, and earlier stores have not changed', () => {
  const name = fc.constantFrom(...'abcdefgh')
  const change = fc.oneof(
    { weight: 4, arbitrary: fc.record({ kind: fc.constant('with' as const), name, parents: fc.uniqueArray(name, { maxLength: 3 }) }) },
    { weight: 1, arbitrary: fc.record({ kind: fc.constant('without' as const), name, parents: fc.constant<string[]>([]) }) },
  )
  let circles = 0
  fc.assert(
    fc.property(fc.array(change, { maxLength: 25 }), (changes) => {
      let store = built()
      let parents = new Map<string, readonly string[]>()
      const history: { readonly store: EntityStore; readonly parents: ReadonlyMap<string, readonly string[]> }[] = []
      for (const { kind, name, parents: given } of changes) {
        history.push({ store, parents })
        const next = new Map(parents)
        if (kind === 'with') next.set(name, given)
        else next.delete(name)
        const answer = kind === 'with' ? store.with([entity(name, ...given)]) : store.without([uid(name)])
        const isCircle = [...next.keys()].some((each) => walk(next, each).includes(each))
        assert.equal(answer.ok, !isCircle, `${kind} ${name} in ${given.join()}`)
        if (isCircle) circles += 1
        if (!answer.ok) continue
        store = answer.value
        parents = next
      }
      history.push({ store, parents })
      for (const { store, parents } of history) {
        for (const name of 'abcdefgh') assert.deepEqual(ancestors(store, name), walk(parents, name), name)
        assert.deepEqual([...store].map(({ uid }) => uid.id).toSorted(), [...parents.keys()].toSorted())
      }
    }),
    { numRuns: 300 },
  )
  assert.ok(circles > 20)
})

test('an entity given twice is refused', () => {
  const answer = entityStore([entity('a'), entity('b'), entity('a')])
  assert.match((!answer.ok && answer.refusal.detail) || '', /E::"a" is given twice/)
})

test('a chain of parents longer than the stack is climbed', () => {
  const deep = entityStore(Array.from({ length: 3_000 }, (_, place) => entity(`e${place}`, `e${place + 1}`)))
  assert.ok(deep.ok)
  assert.equal(deep.value.ancestorsOf(uid('e0').key).size, 3_000)
})

test('many changes one after the other stay readable', () => {
  let store = built(...Array.from({ length: 2_000 }, (_, place) => entity(`e${place}`, `r${place % 7}`)))
  for (let place = 0; place < 1_500; place += 1) {
    const answer = place % 3 === 0 ? store.without([uid(`e${place}`)]) : store.with([entity(`e${place}`, 'moved')])
    assert.ok(answer.ok)
    store = answer.value
  }
  assert.equal(store.get(uid('e0').key), undefined)
  assert.deepEqual(ancestors(store, 'e1'), ['moved'])
  assert.deepEqual(ancestors(store, 'e1999'), ['r4'])
  assert.equal([...store].length, 1_500)
})

test('many at once come to the same as one after the other, and the store they came from is as it was', () => {
  const some = (from: number, to: number, parent: string) =>
    Array.from({ length: to - from }, (_, place) => entity(`e${from + place}`, parent))
  const added = (store: EntityStore, entities: readonly EntityInput[]) => {
    const answer = store.with(entities)
    assert.ok(answer.ok)
    return answer.value
  }
  const first = added(built(entity('r', 'top')), some(0, 700, 'r'))
  const second = added(first, some(600, 2_000, 'r'))
  const third = added(second, some(0, 600, 's'))
  const fourth = third.without(some(100, 1_000, '').map(({ uid }) => uid))
  assert.ok(fourth.ok)
  const fifth = added(fourth.value, [entity('r', 'peak')])
  assert.deepEqual(
    [first, second, third, fourth.value, fifth].map((store) => [...store].length),
    [701, 2_001, 2_001, 1_101, 1_101],
  )
  assert.deepEqual(
    [first, second, third, fourth.value, fifth].map((store) => ancestors(store, 'e1').join()),
    ['r,top', 'r,top', 's', 's', 's'],
  )
  assert.deepEqual(
    [first, second, third, fourth.value, fifth].map((store) => ancestors(store, 'e1500').join()),
    ['', 'r,top', 'r,top', 'r,top', 'peak,r'],
  )
  assert.equal(fourth.value.get(uid('e500').key), undefined)
})
