/** What must hold of a house that was killed and has come back by itself: all it acknowledged, nothing it took back, a record that verifies. */
import assert from 'node:assert/strict'
import { isJsonObject, parseJson } from '../../src/kernel/json.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { parseExportLine } from '../../src/ledger/export-format.ts'
import { Remit } from '../../src/sdk/remit.ts'
import { RemitRefusal } from '../../src/sdk/remit-refusal.ts'
import { type Acknowledged, type GrantNote, laterGrant, laterHold } from './acknowledged.ts'
import { bots, type ChaosHouse, knock, type Running } from './chaos-house.ts'

export interface Checked {
  readonly grants: number
  readonly holds: number
  readonly actions: number
  readonly leaves: number
  readonly journalLines: number
  readonly heads: number
}

/** Of what was noted since the last check; what is older was checked then, and is checked in the record every time. */
export interface Since {
  readonly grants: number
  readonly holds: number
  readonly secrets: number
}

const knockedMax = 6

/** Throws what is not as it was acknowledged. */
export async function checkHouse(house: ChaosHouse, running: Running, acknowledged: Acknowledged, since: Since): Promise<Checked> {
  const grants = acknowledged.grants.slice(since.grants)
  const holds = acknowledged.holds.slice(since.holds)
  await checkGrants(running, grants)
  await checkHolds(house, running, holds)
  for (const each of acknowledged.secrets.slice(since.secrets)) if (each.isRevoked) await checkRevokedSecret(running, each.secret)
  await checkEnded(house, running, acknowledged, grants)
  await checkAlive(running, acknowledged, grants)
  await finishSome(running, acknowledged)
  const record = await checkRecord(house, running, acknowledged)
  return { grants: grants.length, holds: holds.length, ...record }
}

async function checkGrants(running: Running, grants: readonly GrantNote[]): Promise<void> {
  const ben = running.as('ben')
  for (const note of grants) {
    const { state, uses } = await ben.grant(note.id)
    assert.ok(laterGrant[note.state].includes(state), `${note.id} was acknowledged as ${note.state} and is ${state}`)
    const [line] = uses
    if (note.usesMax === undefined || line === undefined) continue
    assert.ok(line.spent >= note.used, `${note.id}: ${note.used} uses were acknowledged, ${line.spent} are kept`)
    assert.ok(line.spent <= note.usesMax, `${note.id}: ${line.spent} uses of ${note.usesMax}`)
  }
}

async function checkHolds(house: ChaosHouse, running: Running, holds: Acknowledged['holds']): Promise<void> {
  const ben = running.as('ben')
  for (const { id, state, target, grant } of holds) {
    const found = await ben.hold(id)
    assert.ok(laterHold[state].includes(found.state), `${id} was acknowledged as ${state} and is ${found.state}`)
    if (state === 'waiting') continue
    // Asked again: what was approved and not spent goes through this once, what was spent is a new question.
    const before = house.shop.countOf(target)
    const { status } = await knock(running.gateway, grant.token, target)
    if (found.state === 'spent') assert.notEqual(status, 200, `${id} was spent, and spent again`)
    if (found.state === 'approved') assert.equal(status, 200, `${id} was approved and not spent, and is worth nothing`)
    assert.equal(house.shop.countOf(target) - before, status === 200 ? 1 : 0)
    assert.ok(house.shop.countOf(target) <= 1, `${target} was approved once and received twice`)
  }
}

async function checkRevokedSecret({ ready }: Running, secret: string): Promise<void> {
  const client = new Remit({ url: ready.url, credential: { secret } })
  await assert.rejects(client.whoami(), (thrown) => thrown instanceof RemitRefusal, 'a secret that was revoked opens something')
}

/** What was revoked or done is refused under the token of before, and the shop hears nothing of it. */
async function checkEnded(house: ChaosHouse, running: Running, acknowledged: Acknowledged, grants: readonly GrantNote[]): Promise<void> {
  for (const note of grants.filter(({ state, token }) => state === 'ended' && token !== '').slice(-knockedMax)) {
    const target = acknowledged.target('PUT /items/', note)
    const { status } = await knock(running.gateway, note.token, target)
    assert.notEqual(status, 200, `${note.id} was ended, and lives`)
    assert.equal(house.shop.countOf(target), 0, `${note.id} was ended, and the shop received an action under it`)
  }
}

/** What was active, and nobody asked to end it, still works, as far as its uses go. */
async function checkAlive(running: Running, acknowledged: Acknowledged, grants: readonly GrantNote[]): Promise<void> {
  const alive = grants.filter(({ state, token, mayHaveEnded, bot }) => {
    return state === 'active' && token !== '' && !mayHaveEnded && (bot === 'reader' || bot === 'counter')
  })
  for (const note of alive.slice(-knockedMax)) {
    const { spent = 0 } = (await running.as('ben').grant(note.id)).uses[0] ?? {}
    for (let left = (note.usesMax ?? 1 + spent) - spent; left > 0; left -= 1) {
      const knocked = await knock(running.gateway, note.token, acknowledged.target('PUT /items/', note))
      assert.equal(knocked.status, 200, `${note.id} was active and has uses left: ${JSON.stringify(knocked)}`)
    }
    if (note.usesMax === undefined) continue
    const over = await knock(running.gateway, note.token, acknowledged.target('PUT /items/', note))
    assert.notEqual(over.status, 200, `${note.id} has more uses than it was given`)
  }
}

const openMax = 15

/** An identity may have only so many open grants: of what lived on, the oldest are finished, as their owners would. */
async function finishSome(running: Running, acknowledged: Acknowledged): Promise<void> {
  for (const bot of bots) {
    const open = acknowledged.grants.filter((note) => note.bot === bot && note.state !== 'ended' && !note.isForgotten)
    for (const note of open.slice(0, Math.max(0, open.length - openMax))) {
      note.isForgotten = true
      const { state } = await running.as(bot).grant(note.id)
      if (state === 'active') await running.as(bot).done(note.id)
      else if (state !== 'ended') await running.as(bot).abandon(note.id)
      if (state === 'active') await acknowledged.ended(note)
    }
  }
}

async function checkRecord(
  house: ChaosHouse,
  running: Running,
  acknowledged: Acknowledged,
): Promise<Pick<Checked, 'actions' | 'leaves' | 'journalLines' | 'heads'>> {
  const allowed = new Map<string, number>()
  const ended = new Set<string>()
  const lines = async function* () {
    for await (const line of running.as('ben').exportLedger({ timeoutMs: 120_000 })) {
      readLine(line, allowed, ended)
      yield line
    }
  }
  const heads = acknowledged.head === '' ? [] : [acknowledged.head]
  const report = await verifyExport(lines(), [house.vkey], heads)
  assert.deepEqual(report.failures, [])
  assert.equal(report.ok && report.keyGiven, true)
  const under = new Map<GrantNote, number>()
  for (const [target, count] of counted(house.shop.received.map((each) => each.target))) {
    const note = acknowledged.askedUnder.get(target)
    assert.ok(note !== undefined, `the shop received ${target}, which nobody asked for`)
    if (target.startsWith('GET /look/')) continue
    assert.ok(
      count <= (allowed.get(target) ?? 0),
      `the shop received ${target} ${count} times, the journal allowed it ${allowed.get(target) ?? 0} times`,
    )
    under.set(note, (under.get(note) ?? 0) + count)
  }
  for (const [note, count] of under)
    assert.ok(count <= (note.usesMax ?? Number.POSITIVE_INFINITY), `${note.id} has ${note.usesMax} uses, and the shop received ${count}`)
  for (const { target, at } of house.shop.received) {
    const note = acknowledged.askedUnder.get(target)
    assert.ok(at <= (note?.endedAt ?? Number.POSITIVE_INFINITY), `${target} came after the end of ${note?.id ?? ''} was acknowledged`)
  }
  for (const note of acknowledged.grants)
    if (note.state === 'ended') assert.ok(ended.has(note.id), `the ledger does not know the end of ${note.id}`)
  return {
    actions: house.shop.received.length,
    leaves: report.leaves,
    journalLines: report.journals.reduce((sum, journal) => sum + journal.lines, 0),
    heads: heads.length,
  }
}

function counted(targets: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>()
  for (const target of targets) counts.set(target, (counts.get(target) ?? 0) + 1)
  return counts
}

function readLine(text: string, allowed: Map<string, number>, ended: Set<string>): void {
  const line = parseExportLine(text)
  if (!line.ok) return
  if (line.value.is === 'leaf') {
    const { kind, subject } = line.value.leaf.body ?? {}
    if (kind === 'grant.ended' && typeof subject === 'string') ended.add(subject)
  }
  if (line.value.is !== 'journal' || !line.value.line.includes('"outcome":"allow"')) return
  const entry = parseJson(line.value.line, { depthMax: 80 })
  if (!entry.ok || !isJsonObject(entry.value) || entry.value['type'] !== 'decision') return
  const { target } = entry.value
  if (typeof target === 'string') allowed.set(target, (allowed.get(target) ?? 0) + 1)
}
