/** Two real control nodes on one PostgreSQL: what one grants, counts and stops, the other does too; one is killed, frozen, and comes back. */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { verifyExport } from '../../src/ledger/verify.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { until } from '../contract/two-nodes.ts'
import { type Bot, ChaosHouse, knock, type Running } from './chaos-house.ts'
import { runRemit } from './remit-process.ts'

const server = await PostgresServer.start()
const database = await server.empty()
const env = { DATABASE_URL: server.url(database) }
const house = await ChaosHouse.make({ words: ['--database', 'env:DATABASE_URL'], env })
let a: Running
let b: Running
const dataOfB = join(house.root, 'b')
const startB = () => house.start({ data: dataOfB, words: ['--node', 'b'] })

before(async () => {
  a = await house.found()
  await cp(join(house.data, 'keys'), join(dataOfB, 'keys'), { recursive: true })
  b = await startB()
})
after(async () => {
  await a?.process.kill()
  await b?.process.kill()
  await house.remove()
  await server.remove()
})

async function begin(at: Running, bot: Bot, scope: string): Promise<{ readonly id: string; readonly token: string }> {
  const client = at.as(bot)
  const { id } = await client.requestGrant({ task: 'work', statement: 'at two nodes', scope: [scope] })
  await client.activate(id)
  return { id, token: (await client.sessionToken(id)).access_token }
}

test('what was granted at one works at both, and stops at both before whoever stopped it is told so', async () => {
  const { id, token } = await begin(a, 'writer', 'shop/put')
  assert.equal((await knock(a.gateway, token, 'PUT /items/at-a')).status, 200)
  assert.equal((await knock(b.gateway, token, 'PUT /items/at-b')).status, 200)
  const { confirmed } = await b.as('ben').revoke(id, 'enough')
  assert.deepEqual(confirmed.map(({ gateway, how }) => `${gateway} ${how}`).toSorted(), ['http confirmed', 'http@main confirmed'])
  for (const { gateway } of [a, b]) assert.equal((await knock(gateway, token, 'PUT /items/after')).code, 'grant.ended')
})

test('what is counted is counted once for both', async () => {
  const { token } = await begin(b, 'counter', 'shop/put,uses=5')
  const knocks = await Promise.all(
    Array.from({ length: 16 }, (_, place) => knock(place % 2 === 0 ? a.gateway : b.gateway, token, `PUT /items/counted-${place}`)),
  )
  assert.equal(knocks.filter(({ status }) => status === 200).length, 5, JSON.stringify(knocks))
})

test('a second process of the same name is kept off, and one with other keys is refused', async () => {
  const again = await runRemit(['up', '--data', join(house.root, 'c'), '--port', '0', '--database', 'env:DATABASE_URL'], env)
  assert.equal(again.code === 0, false)
  assert.match(again.said, /another process has this data folder or database open|held by/)
  const other = await runRemit(['up', '--data', join(house.root, 'd'), '--port', '0', '--database', 'env:DATABASE_URL', '--node', 'd'], env)
  assert.equal(other.code === 0, false)
  assert.match(other.said, /ledger key in the data folder is not the one/)
})

test('one is killed: the other goes on with everything, the ledger too, and it comes back', async () => {
  const { id, token } = await begin(a, 'restarter', 'shop/put')
  assert.equal((await knock(b.gateway, token, 'PUT /items/before')).status, 200)
  const before = (await b.as('eva').checkpoint()).size
  await a.process.kill()
  assert.equal((await knock(b.gateway, token, 'PUT /items/meanwhile')).status, 200)
  const mine = await begin(b, 'spare', 'shop/put')
  assert.equal((await knock(b.gateway, mine.token, 'PUT /items/mine')).status, 200)
  const { confirmed } = await b.as('ben').revoke(id, 'while one is away')
  // Nobody can ask it, so it is waited for as long as it could go on.
  // So is the node of other keys, had it been there within the same time.
  const told = confirmed.map(({ gateway, how }) => `${gateway} ${how}`).filter((each) => each !== 'node d lapsed')
  assert.deepEqual(told.toSorted(), ['http confirmed', 'node main lapsed'])
  assert.ok((await b.as('eva').checkpoint()).size > before)
  a = await house.start()
  assert.notEqual((await knock(a.gateway, token, 'PUT /items/after')).status, 200)
  assert.equal((await knock(a.gateway, mine.token, 'PUT /items/again')).status, 200)
})

test('one that stood still for too long stops when it wakes, having let nothing through', async () => {
  const { id, token } = await begin(a, 'reader', 'shop/put')
  assert.equal((await knock(b.gateway, token, 'PUT /items/warm')).status, 200)
  b.process.child.kill('SIGSTOP')
  const { confirmed } = await a.as('ben').revoke(id, 'one does not answer')
  assert.ok(
    confirmed.some(({ gateway, how }) => gateway === 'node b' && how === 'lapsed'),
    JSON.stringify(confirmed),
  )
  await until('given up', async () => (await server.ask(database, `select 1 from nodes where name = 'b' and state = 'there'`)).length === 0)
  const knocking = knock(b.gateway, token, 'PUT /items/late').catch(() => ({ status: 0 }))
  b.process.child.kill('SIGCONT')
  assert.notEqual((await knocking).status, 200)
  const ended = await b.process.ended
  assert.notEqual(ended.code, 0)
  assert.match(b.process.stderr, /gave this one up|taken its place/)
  b = await startB()
  const fresh = await begin(b, 'releaser', 'shop/put')
  assert.equal((await knock(a.gateway, fresh.token, 'PUT /items/fresh')).status, 200)
})

test('the whole ledger of both verifies, and each has a journal of its own in it', async () => {
  for (const each of [a, b]) {
    const report = await verifyExport(each.as('ben').exportLedger({ timeoutMs: 120_000 }), [house.vkey], [])
    assert.deepEqual(report.failures, [])
    assert.equal(report.keyGiven, true)
    // Each has the journal of its own gateway; that of the other is named, and is where that node is.
    const own = report.journals.map(({ name }) => name)
    assert.equal(own.length, 1)
    const others = ['remit.local/main/http', 'remit.local/main/http@b'].filter((name) => name !== own[0])
    assert.deepEqual(
      report.elsewhere.map(({ name }) => name),
      others,
    )
  }
  const names = await server.ask(
    database,
    `select distinct body::json->>'subject' as name from leaves where body like '%"journal.anchored"%' order by name`,
  )
  assert.deepEqual(
    names.map(({ name }) => name),
    ['remit.local/main/http', 'remit.local/main/http@b'],
  )
})
