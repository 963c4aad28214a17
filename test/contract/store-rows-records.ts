/** What must hold of the records of a store: kept exactly, found by what they may be found by, their rules held by the database. */
import assert from 'node:assert/strict'
import fc from 'fast-check'
import { type SearchBy, searchable } from '../../src/control/ports.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import type { RecordKind, Records } from '../../src/model/records.ts'
import { anyRecord } from './any-records.ts'
import { lives, recordKinds, recordsInState, sampleId, sampleRecords, tell } from './sample-records.ts'
import type { LifeKind, StoreHouse, StoreRow } from './store-house.ts'
import { entry, inMain, isEphemeral, keep } from './store-steps.ts'

async function keepsExactly(house: StoreHouse, kind: RecordKind): Promise<void> {
  const store = mustBe(await house.open())
  await fc.assert(
    fc.asyncProperty(anyRecord(kind), async (record) => {
      await keep(store, kind, record)
      const [got, found] = await inMain(store).read(async (tx) => [await tx.get(kind, record.id), await tx.find(kind, {}, { max: 1_000 })])
      assert.deepEqual(tell(got), tell(record))
      assert.ok(found?.some((one) => canonicalJson(one) === canonicalJson(record)))
    }),
    { numRuns: 40 },
  )
  await store.close()
}

async function findsByColumns(house: StoreHouse, kind: RecordKind): Promise<void> {
  const store = mustBe(await house.open())
  const [one, two] = [sampleRecords[kind](1), sampleRecords[kind](2)]
  await keep(store, kind, one, two)
  for (const column of searchable[kind]) {
    const by = (wanted: string | readonly string[]) => ({ [column]: wanted }) as SearchBy<RecordKind>
    const value = (record: Records[RecordKind]): string => valueOf(kind, record, column)
    const find = async (wanted: string | readonly string[]) =>
      (await inMain(store).read((tx) => tx.find(kind, by(wanted)))).map(({ id }) => id)
    if (hasValue(kind, one, column)) {
      const same = [one, two].filter((record) => value(record) === value(one)).map(({ id }) => id)
      assert.deepEqual(await find(value(one)), same, `${kind} by ${column}`)
      assert.deepEqual(await find([value(two), 'nothing', value(one)]), [one.id, two.id], `${kind} by one of ${column}`)
    }
    assert.deepEqual(await find('nothing'), [])
    assert.deepEqual(await find([]), [])
  }
  await store.close()
}

function valueOf(kind: RecordKind, record: Records[RecordKind], column: string): string {
  if (kind === 'grant' && column === 'actor') return (record as Records['grant']).chain[0] ?? ''
  return String((record as unknown as Record<string, unknown>)[column])
}

function hasValue(kind: RecordKind, record: Records[RecordKind], column: string): boolean {
  return valueOf(kind, record, column) !== 'undefined'
}

/** Every pair of states: the database takes the step exactly where the life has it, from control and from below. */
async function holdsLife(house: StoreHouse, kind: LifeKind): Promise<void> {
  const store = mustBe(await house.open())
  const life: Readonly<Record<string, Readonly<Partial<Record<string, string>>>>> = lives[kind]
  const states = Object.keys(life) as Records[LifeKind]['state'][]
  const inState = recordsInState[kind] as (n: number, state: Records[LifeKind]['state']) => Records[LifeKind]
  let number = 0
  for (const from of states) {
    for (const to of states) {
      number += 2
      await keep(store, kind, inState(number, from), inState(number + 1, from))
      const says = `${kind}: ${from} to ${to}`
      const above = async () => keep(store, kind, inState(number, to))
      const below = async () => house.forceState(kind, sampleId(sampleRecords[kind](1).id.slice(0, 3) as 'grn', number + 1), to)
      if (from === to || Object.values(life[from] ?? {}).includes(to)) {
        await above()
      } else {
        await assert.rejects(above, /life/, says)
        await assert.rejects(below, /life/, `${says}, from below`)
        const kept = await inMain(store).read((tx) => tx.get(kind, inState(number, from).id))
        assert.equal(kept?.state, from)
      }
    }
  }
  await store.close()
}

interface Broken<K extends RecordKind> {
  readonly says: string
  readonly kind: K
  readonly record: Records[K]
}

function broken<K extends RecordKind>(says: string, kind: K, change: Partial<Records[K]>): Broken<K> {
  return { says, kind, record: { ...sampleRecords[kind](1), ...change } }
}

const brokenRecords = [
  broken('an active grant without an end', 'grant', { state: 'active' }),
  broken('an ended grant that does not say when', 'grant', { state: 'ended' }),
  broken('an approved hold that may be used for ever', 'hold', { state: 'approved' }),
  broken('an ended session that does not say when', 'session', { state: 'ended' }),
  broken('a credential without an end', 'credential', { expiresAt: undefined as unknown as number }),
  broken('an exception without an end', 'exception', { expiresAt: undefined as unknown as number }),
  broken('a change-set without an end', 'changeSet', { expiresAt: undefined as unknown as number }),
  broken('an enrolled gateway without a key', 'gateway', { state: 'enrolled' }),
  broken('a code without an end', 'gateway', { codeEndsAt: undefined as unknown as number }),
  broken('a link without an end', 'link', { expiresAt: undefined as unknown as number }),
  broken('a sign-in without an end', 'signIn', { expiresAt: undefined as unknown as number }),
  broken('a reading without an end', 'untrustedReading', { expiresAt: undefined as unknown as number }),
  broken('a session without an end', 'session', { endsAt: undefined as unknown as number }),
  broken('a state that no life has', 'grant', { state: 'paused' as 'ended' }),
  broken('an id of another kind', 'grant', { id: sampleId('ses', 1) as unknown as ReturnType<typeof sampleId<'grn'>> }),
  broken('an id that is too short', 'hold', { id: 'hld_1' }),
  broken('uses of another grant than their id says', 'uses', { grant: sampleId('grn', 2) }),
  broken('a non-human without an owner', 'identity', { kind: 'robot' }),
  broken('a human with an owner', 'identity', { owner: sampleId('idn', 2) }),
  broken('a record above 4 MiB', 'service', { environment: 'x'.repeat(4_194_304) }),
  broken('a number that is not exact', 'uses', { spent: 0.5 }),
]

async function refusesBroken(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  for (const { says, kind, record } of brokenRecords) {
    await assert.rejects(keep(store, kind, record), says)
    assert.deepEqual(await inMain(store).read((tx) => tx.find(kind, {})), [], says)
  }
  // A document as deep as is kept can be read again; one level more is not kept.
  const nested = (depth: number) => ({
    ...sampleRecords.issuer(1),
    proves: JSON.parse(`${'['.repeat(depth - 1)}${']'.repeat(depth - 1)}`) as Record<string, string>,
  })
  await assert.rejects(keep(store, 'issuer', nested(1_001)))
  await keep(store, 'issuer', nested(999))
  assert.equal((await inMain(store).read((tx) => tx.find('issuer', {}))).length, 1)
  await store.close()
}

async function pages(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  // Put in another order than that of their ids, and of different identities: no index gives the order by chance.
  const records = Array.from({ length: 1_001 }, (_, place) => ({
    ...sampleRecords.signal(((place * 617) % 1_001) + 1),
    identity: sampleId('idn', place % 13),
  }))
  await keep(store, 'signal', ...records.slice(0, 1_000))
  const ids = (await inMain(store).read((tx) => tx.find('signal', {}))).map(({ id }) => id)
  assert.equal(ids.length, 1_000)
  assert.deepEqual(ids, ids.toSorted())
  await keep(store, 'signal', ...records.slice(1_000))
  await assert.rejects(
    inMain(store).read((tx) => tx.find('signal', {})),
    /page/,
  )
  const paged: string[] = []
  for (;;) {
    const after = paged.at(-1)
    const page = await inMain(store).read((tx) => tx.find('signal', {}, { max: 300, ...(after === undefined ? {} : { after }) }))
    if (page.length === 0) break
    paged.push(...page.map(({ id }) => id))
  }
  assert.deepEqual(paged, records.map(({ id }) => id).toSorted())
  for (const max of [0, -1, 1.5, 1_001, Number.NaN]) {
    await assert.rejects(
      inMain(store).read((tx) => tx.find('signal', {}, { max })),
      /page/,
    )
    await assert.rejects(store.outbox(max), /page/)
    await assert.rejects(store.leaves(0, max), /page/)
  }
  await store.close()
}

async function searchesOnlyColumns(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const wrong: readonly unknown[] = [
    { tier: '1' },
    { id: 'x' },
    { doc: 'x' },
    { __proto__: null, constructor: 'x' },
    { state: undefined },
    { state: null },
    { state: [1] },
  ]
  for (const by of wrong) await assert.rejects(inMain(store).read((tx) => tx.find('grant', by as SearchBy<'grant'>)))
  await assert.rejects(inMain(store).read((tx) => tx.get('latest' as 'grant', 'x')))
  await assert.rejects(inMain(store).read((tx) => tx.get('constructor' as 'grant', 'x')))
  await store.close()
}

async function namesOnce(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const ana = sampleRecords.identity(1)
  await keep(store, 'identity', ana)
  await assert.rejects(keep(store, 'identity', { ...sampleRecords.identity(2), name: ana.name }), 'a second of the name')
  await assert.rejects(keep(store, 'identity', { ...ana, name: 'other' }), /name_fixed/)
  await keep(store, 'identity', { ...ana, state: 'disabled' })
  await assert.rejects(keep(store, 'identity', { ...sampleRecords.identity(2), name: ana.name }), 'also after it is disabled')
  await keep(store, 'identity', { ...sampleRecords.identity(3), name: ana.name, space: 'site-b' })
  await store.close()
}

async function keepsWhatWasDone(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'uses', { ...sampleRecords.uses(1), spent: 2 })
  await assert.rejects(keep(store, 'uses', { ...sampleRecords.uses(1), spent: 1 }), /never_come_back/)
  await keep(store, 'approval', sampleRecords.approval(1))
  await assert.rejects(keep(store, 'approval', { ...sampleRecords.approval(1), decision: 'deny' }), /signed/)
  const removed = { ...sampleRecords.application(1), removedAt: 2_000 }
  await keep(store, 'application', removed)
  await assert.rejects(keep(store, 'application', sampleRecords.application(1)), /removed_stays/)
  for (const kind of recordKinds) {
    const record = sampleRecords[kind](7)
    await keep(store, kind, record)
    const removing = inMain(store).change(async (tx) => done(await tx.remove(kind as 'challenge', record.id)))
    if (isEphemeral(kind)) mustBe(await removing)
    else await assert.rejects(removing, /kept/)
    const left = await inMain(store).read((tx) => tx.get(kind, record.id))
    assert.equal(left === undefined, isEphemeral(kind), kind)
  }
  // Nothing to remove is nothing done.
  const { version } = await inMain(store).last()
  mustBe(await inMain(store).change(async (tx) => done(await tx.remove('challenge', 'unknown'))))
  assert.equal((await inMain(store).last()).version, version)
  mustBe(await inMain(store).change(async (tx) => done(await tx.record(entry('x')))))
  assert.equal((await inMain(store).last()).version, version + 1)
  await store.close()
}

/** What a gateway is bound to stays: another key is another gateway, and what a code opened it opened once. */
async function bindsGatewaysOnce(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  const one = recordsInState.gateway(1, 'enrolled')
  await keep(store, 'gateway', one)
  await assert.rejects(keep(store, 'gateway', { ...one, key: 'another' }), /binding_fixed/)
  await assert.rejects(keep(store, 'gateway', { ...one, codeHash: 'another' }), /binding_fixed/)
  await assert.rejects(keep(store, 'gateway', { ...one, name: 'another' }), /binding_fixed/)
  const two = recordsInState.gateway(2, 'enrolled')
  await assert.rejects(keep(store, 'gateway', { ...two, key: one.key ?? '' }), 'a second of the key')
  await assert.rejects(keep(store, 'gateway', { ...two, codeHash: one.codeHash }), 'a second of the code')
  await assert.rejects(keep(store, 'gateway', { ...two, name: one.name }), 'a second of the name')
  await keep(store, 'gateway', { ...one, state: 'removed' })
  await assert.rejects(keep(store, 'gateway', { ...two, key: one.key ?? '' }), 'the key also after it was removed')
  await keep(store, 'gateway', { ...two, name: one.name })
  await store.close()
}

export const recordRows: readonly StoreRow[] = [
  ...recordKinds.map((kind) => ({
    says: `keeps any ${kind} exactly as it was put`,
    run: (house: StoreHouse) => keepsExactly(house, kind),
  })),
  ...recordKinds.map((kind) => ({ says: `finds ${kind} by each of its columns`, run: (house: StoreHouse) => findsByColumns(house, kind) })),
  ...(['grant', 'hold', 'session', 'exception', 'changeSet', 'gateway'] as const).map((kind) => ({
    says: `takes no step of a ${kind} that its life does not have`,
    run: (house: StoreHouse) => holdsLife(house, kind),
  })),
  { says: 'refuses records that break the model, and keeps nothing of them', run: refusesBroken },
  { says: 'answers in order of id, page by page, and never less than all in silence', run: pages },
  { says: 'searches by the columns of a kind only', run: searchesOnlyColumns },
  { says: 'uses no name of an identity twice in a space', run: namesOnce },
  { says: 'binds a gateway to one key, one code and one name', run: bindsGatewaysOnce },
  { says: 'takes nothing back: uses, signatures, records', run: keepsWhatWasDone },
]
