/** Stores and folders that were put back, and a backup of a working house: real processes and commands, and what is left of before. */
import assert from 'node:assert/strict'
import { cp, mkdir, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { after, before, describe, test } from 'node:test'
import { RemitRefusal } from '../../src/sdk/remit-refusal.ts'
import { Acknowledged } from './acknowledged.ts'
import { ChaosHouse, knock, type Running } from './chaos-house.ts'
import { checkHouse } from './checks.ts'
import { type Life, work } from './load.ts'
import { RemitProcess, runRemit } from './remit-process.ts'

interface Working {
  readonly id: string
  readonly token: string
}

/** A grant at work that answers with a yes. */
async function atWork(running: Running): Promise<Working> {
  const client = running.as('writer')
  const { id } = await client.requestGrant({ task: 'work', statement: 'of before', scope: ['shop/put'] })
  await client.activate(id)
  const { access_token: token } = await client.sessionToken(id)
  assert.equal((await knock(running.gateway, token, 'PUT /items/of-before')).status, 200)
  return { id, token }
}

/** What it says when it does not start. */
async function refusedStart(house: ChaosHouse, words: readonly string[] = []): Promise<string> {
  const child = house.spawn({ words })
  await assert.rejects(child.ready(), 'it started')
  return child.stderr + child.stdout
}

/** Nothing of before opens anything; what is begun now works. */
async function nothingOfBefore(house: ChaosHouse, running: Running, before: readonly Working[]): Promise<void> {
  const heard = house.shop.received.length
  for (const { id, token } of before) {
    assert.notEqual((await knock(running.gateway, token, 'PUT /items/after')).status, 200)
    assert.equal((await running.as('ben').grant(id)).state, 'ended')
  }
  await assert.rejects(running.as('writer').whoami(), RemitRefusal, 'a secret of before is good')
  assert.equal(house.shop.received.length, heard)
  await house.comeInAgain(running)
  await atWork(running)
}

const inHouse = (house: ChaosHouse) => ({
  data: join(house.root, 'data'),
  store: join(house.data, 'store'),
  copy: join(house.root, 'copy'),
})

describe('a store that was put back', () => {
  let house: ChaosHouse
  let running: Running
  let revoked: Working
  let live: Working
  before(async () => {
    house = await ChaosHouse.make()
    running = await house.found({ words: ['--anchor', join(house.root, 'outside')] })
    revoked = await atWork(running)
    live = await atWork(running)
    await running.process.stop()
    await cp(house.data, inHouse(house).copy, { recursive: true })
    const kept = versionOf(inHouse(house).copy)
    running = await house.start({ words: ['--anchor', join(house.root, 'outside')] })
    await running.as('ben').revoke(revoked.id, 'a mistake')
    // Nothing is done after it: it is the journal itself that writes down how far the store had come.
    await untilJournalKnows(house.data, kept)
    await running.process.kill()
  })
  after(async () => {
    await running.process.kill()
    await house.remove()
  })

  test('alone, without anybody outside, is noticed by the journal, and it says what to do', async () => {
    await rm(inHouse(house).store, { recursive: true })
    await cp(join(inHouse(house).copy, 'store'), inHouse(house).store, { recursive: true })
    const said = await refusedStart(house)
    assert.match(said, /has lost entries of the ledger/)
    assert.match(said, /the journal knows change \d+ of the store, which ends with \d+/)
    assert.match(said, /remit new-epoch/)
  })

  test('with the whole folder is noticed by the anchor', async () => {
    // A crash loses at most the ten seconds between two heads that are kept: this one is closed as it should be.
    await rm(house.data, { recursive: true })
    await cp(inHouse(house).copy, house.data, { recursive: true })
    running = await house.start({ words: ['--anchor', join(house.root, 'outside')] })
    await atWork(running)
    await running.process.stop()
    await rm(house.data, { recursive: true })
    await cp(inHouse(house).copy, house.data, { recursive: true })
    const said = await refusedStart(house, ['--anchor', join(house.root, 'outside')])
    assert.match(said, /the head kept at .* has \d+ entries, the store \d+/)
    assert.match(said, /remit new-epoch/)
  })

  test('and what it said to do works: a new epoch, in which nothing of before is permitted', async () => {
    const outside = join(house.root, 'outside')
    const begun = await runRemit(['new-epoch', '--data', house.data, '--anchor', outside, '--administrator', 'ana', '--reason', 'put back'])
    assert.equal(begun.code, 0, begun.said)
    running = await house.startAnew({ words: ['--anchor', outside] })
    await nothingOfBefore(house, running, [revoked, live])
    await running.process.stop()
  })
})

describe('a folder that was put back under a witness', () => {
  test('lets no action through, and says so', async (context) => {
    const house = await ChaosHouse.make()
    context.after(() => house.remove())
    const found = await house.found()
    const witness = new RemitProcess([
      'witness',
      '--state',
      join(house.root, 'witness'),
      '--origin-key',
      house.vkey,
      '--port',
      '0',
      '--json',
    ])
    context.after(() => witness.kill())
    const { url, vkey } = (await witness.ready()) as unknown as { url: string; vkey: string }
    const words = ['--witness', `${url}=${vkey}`]
    const grant = await atWork(found)
    await found.process.stop()
    await cp(house.data, inHouse(house).copy, { recursive: true })
    const held = await house.start({ words })
    await held.as('ben').revoke(grant.id, 'a mistake')
    await held.process.stop()
    await rm(house.data, { recursive: true })
    await cp(inHouse(house).copy, house.data, { recursive: true })
    const back = await house.start({ words })
    context.after(() => back.process.kill())
    assert.match(back.ready.warnings.join('\n'), /THE LEDGER IS DISPUTED/)
    const heard = house.shop.received.length
    assert.equal((await knock(back.gateway, grant.token, 'PUT /items/disputed')).code, 'ledger.disputed')
    assert.equal(house.shop.received.length, heard)
  })
})

test('a backup of a house under load, restored after it was killed: what it holds is there and verifies, and nothing of it is permitted', async (context) => {
  const house = await ChaosHouse.make()
  context.after(() => house.remove())
  const running = await house.found()
  context.after(() => running.process.kill())
  const revoked = await atWork(running)
  const live = await atWork(running)
  const life: Life = { running, acknowledged: new Acknowledged(), isDying: false, isOver: false }
  const working = work(life)
  working.catch(() => undefined)
  while (running.process.isAlive && !life.acknowledged.grants.some(({ token }) => token !== '')) await pause()
  const made = await runRemit(['backup', '--data', house.data, '--out', join(house.root, 'backup')])
  assert.equal(made.code, 0, made.said)
  await running.as('ben').revoke(revoked.id, 'after the backup')
  Object.assign(life, { isDying: true, isOver: true })
  await running.process.kill()
  await working
  const keys = join(house.root, 'keys')
  await cp(join(house.data, 'keys'), keys, { recursive: true })
  await rm(house.data, { recursive: true })
  await mkdir(house.data)
  await cp(keys, join(house.data, 'keys'), { recursive: true })
  const restored = await runRemit(['restore', '--data', house.data, '--from', join(house.root, 'backup'), '--administrator', 'ana'])
  assert.equal(restored.code, 0, restored.said)
  const again = await house.startAnew()
  context.after(() => again.process.kill())
  const kept: Working[] = []
  for (const { id, token } of life.acknowledged.grants) {
    const state = await again
      .as('ben')
      .grant(id)
      .then(
        (grant) => grant.state,
        () => 'gone',
      )
    assert.ok(['gone', 'ended', 'withdrawn', 'unclaimed'].includes(state), `${id} is ${state}`)
    if (state === 'ended' && token !== '') kept.push({ id, token })
  }
  assert.ok(kept.length > 0, 'the backup was taken under load')
  await nothingOfBefore(house, again, [revoked, live, ...kept.slice(-5)])
  house.vkey = (await again.as('ben').checkpoint()).key
  // The shop goes on counting: what it received after the backup is in no record that came back.
  house.shop.received.length = 0
  await checkHouse(house, again, new Acknowledged(), { grants: 0, holds: 0, secrets: 0 })
})

/** The change that a store which is closed ends with. */
function versionOf(data: string): number {
  const database = new DatabaseSync(join(data, 'store', 'remit.sqlite'), { readOnly: true })
  try {
    return Number(database.prepare('select version from latest').get()?.['version'])
  } finally {
    database.close()
  }
}

/** Until it was told of a change that is younger than this one. */
async function untilJournalKnows(data: string, version: number): Promise<void> {
  const folder = join(data, 'journal', 'http')
  const newest = async () => {
    const texts = await Promise.all((await readdir(folder)).map((name) => readFile(join(folder, name), 'utf8')))
    const known = texts
      .join('')
      .split('\n')
      .filter((line) => line.includes('"type":"known"'))
    return Math.max(0, ...known.map((line) => Number(/"version":(\d+)/.exec(line)?.[1])))
  }
  const until = performance.now() + 120_000
  while ((await newest()) <= version) {
    assert.ok(performance.now() < until, 'the journal is not told how far the store has come')
    await pause()
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 20))
}
