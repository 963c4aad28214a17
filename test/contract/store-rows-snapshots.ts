/** What must hold of snapshots: everything, at one moment, the same lines from wherever they are read back. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import type { Database } from '../../src/control/ports.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { recordKinds, sampleId, sampleRecords } from './sample-records.ts'
import type { StoreHouse, StoreRow } from './store-house.ts'
import { checkGapless, entry, everything, keep } from './store-steps.ts'

/** A store with something of everything: two spaces, leaves, an erased body, a cosigned checkpoint, an outbox, notes. */
export async function fill(store: Database): Promise<void> {
  for (const kind of recordKinds) {
    await keep(store, kind, sampleRecords[kind](1), sampleRecords[kind](2))
    await keep(store, kind, { ...sampleRecords[kind](1), space: 'site-b' })
  }
  // More than one page, and what JSON has to escape.
  const odd = '"\\\u0000\u2028 \u{1f600} \n'
  const signals = Array.from({ length: 120 }, (_, place) => ({ ...sampleRecords.signal(place + 10), about: `${odd}${place}` }))
  await keep(store, 'signal', ...signals)
  const rows = await store.outbox(30)
  const leaves = rows.map(({ position, body, salt }) => ({ index: position - 1, leaf: new Uint8Array(33).fill(position), body, salt }))
  await store.appendLeaves(0, leaves, { size: leaves.length, frontier: new Uint8Array(64).fill(9), checkpoint: 'head\n\n— own aaaa\n' })
  await store.cosign(leaves.length, 'head\n\n— one bbbb\n')
  const erasing = store.inSpace('main').change(async (tx) => {
    await tx.record(entry('erased'))
    return done(await tx.eraseBody(0))
  })
  assert.deepEqual(await erasing, done(true))
  await store.setMeta('note', odd.replaceAll('\u0000', ''))
}

export async function take(store: Database): Promise<string[]> {
  const lines: string[] = []
  const made = await store.snapshot(async (line) => {
    lines.push(line)
  })
  assert.equal(made.lines, lines.length)
  assert.deepEqual(made.latest, await store.inSpace('main').last())
  assert.equal(made.sha256, createHash('sha256').update(lines.slice(0, -1).join('')).digest('hex'))
  return lines
}

export async function* give(lines: readonly string[]): AsyncGenerator<string> {
  yield* lines
}

async function comesBack(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  await fill(store)
  const [lines, had, checkpoints] = [await take(store), await everything(store), await store.checkpoints(0, 10)]
  assert.deepEqual(await take(store), lines, 'the same lines each time')
  const kinds = new Set(lines.slice(1, -1).map((line) => (JSON.parse(line) as { t: string }).t))
  assert.equal(kinds.size, recordKinds.length + 4, 'a row of every table')
  await store.close()
  const other = mustBe(await house.openEmpty(() => 1_000))
  assert.deepEqual(mustBe(await other.restore(give(lines))), await other.inSpace('main').last())
  assert.deepEqual(await everything(other), had)
  assert.deepEqual(await other.checkpoints(0, 10), checkpoints)
  assert.deepEqual(await other.spaces(), ['main', 'site-b'])
  assert.deepEqual(await take(other), lines)
  // It goes on where the other was: versions, time, and the numbers of entries.
  await keep(other, 'signal', sampleRecords.signal(999))
  assert.equal(
    (await other.inSpace('main').last()).version,
    (JSON.parse(lines[0] ?? '') as { latest: { version: number } }).latest.version + 1,
  )
  assert.equal((await other.inSpace('main').last()).at, 5_000)
  await checkGapless(other)
  const again = await other.restore(give(lines))
  assert.equal(again.ok ? 'restored' : again.refusal.code, 'store.not-empty')
  await other.close()
}

async function oneMoment(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open())
  await keep(store, 'signal', ...Array.from({ length: 200 }, (_, place) => sampleRecords.signal(place + 1)))
  const lines: string[] = []
  const [first, later, goOn] = [Promise.withResolvers<void>(), Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const made = store.snapshot(async (line) => {
    lines.push(line)
    first.resolve()
    if (lines.length === 2) await later.promise
    if (lines.length === 150) await goOn.promise
  })
  await first.promise
  await keep(store, 'signal', ...Array.from({ length: 100 }, (_, place) => sampleRecords.signal(place + 301)))
  later.resolve()
  await keep(store, 'signal', { ...sampleRecords.signal(199), about: 'changed' })
  goOn.resolve()
  await made
  const signals = lines.filter((line) => line.includes('"t":"signals"'))
  assert.equal(signals.length, 200, 'none of those that were put meanwhile')
  assert.ok(signals.every((line) => !line.includes('changed')))
  assert.equal((JSON.parse(lines[0] ?? '') as { latest: { version: number } }).latest.version, 1)
  await store.close()
}

async function refusesBroken(house: StoreHouse): Promise<void> {
  const store = mustBe(await house.open(() => 5_000))
  await fill(store)
  const lines = await take(store)
  await store.close()
  const other = mustBe(await house.openEmpty(() => 1_000))
  const before = await everything(other)
  const at = (start: string) => lines.findIndex((line) => line.includes(start))
  const without = (place: number) => lines.toSpliced(place, 1)
  const instead = (place: number, from: string, to: string) => {
    assert.ok(lines[place]?.includes(from) === true, from)
    return lines.with(place, (lines[place] ?? '').replace(from, to))
  }
  /** As somebody would who changes a snapshot and knows how its end is made. */
  const sealed = (changed: readonly string[]) => {
    const body = changed.slice(0, -1)
    return [
      ...body,
      `${JSON.stringify({ end: true, lines: body.length, sha256: createHash('sha256').update(body.join('')).digest('hex') })}\n`,
    ]
  }
  const grant = at('"t":"grants"')
  const leaf = at('"t":"leaves"')
  const outbox = at('"t":"outbox"')
  const cases: readonly (readonly [string, readonly string[], RegExp])[] = [
    ['nothing', [], /cut short/],
    ['the last line left out', lines.slice(0, -1), /cut short/],
    ['a line left out', without(grant), /lines come before/],
    ['a line twice', lines.toSpliced(outbox, 0, lines[outbox] ?? ''), /./],
    ['something after the end', [...lines, lines[1] ?? ''], /after the end/],
    ['a flipped letter', instead(grant, 'release', 'reLease'), /not the ones/],
    ['no JSON', lines.with(grant, '{'), /no line/],
    ['another version', instead(0, '"v":1', '"v":2'), /version/],
    ['another program’s file', ['{"a":1}\n', ...lines], /no snapshot/],
    ['a table that is not known', sealed(instead(grant, '"t":"grants"', '"t":"songs"')), /no table/],
    ['a leaf left out', sealed(without(leaf)), /leaf 0/],
    ['an entry left out', sealed(without(outbox)), /takes no such row/],
    ['a record of another space than its row', sealed(instead(grant, '"space":"main","t"', '"space":"site-c","t"')), /takes no such row/],
  ]
  for (const [says, broken, why] of cases) {
    const result = await other.restore(give(broken))
    assert.equal(result.ok ? 'restored' : result.refusal.code, 'snapshot.broken', says)
    assert.match(result.ok ? '' : (result.refusal.detail ?? ''), why, says)
    assert.deepEqual(await everything(other), before, says)
  }
  const failing = async function* () {
    yield lines[0] ?? ''
    throw new Error('the tape is torn')
  }
  await assert.rejects(other.restore(failing()), /torn/)
  assert.deepEqual(await everything(other), before)
  mustBe(await other.restore(give(lines)))
  assert.equal((await other.inSpace('main').read((tx) => tx.get('grant', sampleId('grn', 1))))?.space, 'main')
  await other.close()
}

async function failsAnywhere(house: StoreHouse): Promise<void> {
  const lines = await (async () => {
    const store = mustBe(await house.open(() => 5_000))
    await keep(store, 'signal', sampleRecords.signal(1))
    await store.setMeta('note', 'x')
    const taken = await take(store)
    await store.close()
    return taken
  })()
  const other = mustBe(await house.openEmpty(() => 1_000))
  const before = await everything(other)
  let nth = 1
  for (; nth < 80; nth += 1) {
    house.breakStatement(nth)
    const result = await other.restore(give(lines))
    const came = house.hasBroken()
    house.breakStatement(0)
    if (!came) {
      mustBe(result)
      break
    }
    assert.equal(result.ok ? 'restored' : result.refusal.code, 'store.unavailable', `statement ${nth}`)
    assert.deepEqual(await everything(other), before, `statement ${nth}`)
  }
  assert.ok(nth > 10 && nth < 80, `came to ${nth} statements`)
  assert.equal((await other.inSpace('main').last()).version, 1)
  await other.close()
}

export const snapshotRows: readonly StoreRow[] = [
  { says: 'writes everything out, and has it all again from there', run: comesBack },
  { says: 'takes a snapshot at one moment, while changes go on', run: oneMoment },
  { says: 'takes nothing of a snapshot that is cut short, changed, or not ours', run: refusesBroken },
  { says: 'leaves the store empty when any one statement of a restoration fails', run: failsAnywhere },
]
