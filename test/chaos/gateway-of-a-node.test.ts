/** A gateway that is connected to one of two control nodes, as processes: both say where it is, and a command that asks the other finds it. */
import assert from 'node:assert/strict'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { PostgresServer } from '../contract/postgres-server.ts'
import { until } from '../contract/two-nodes.ts'
import { ChaosHouse, knock } from './chaos-house.ts'
import { RemitProcess } from './remit-process.ts'

const server = await PostgresServer.start()
const env = { DATABASE_URL: server.url(await server.empty()) }
const house = await ChaosHouse.make({ words: ['--database', 'env:DATABASE_URL', '--gateways', '0'], env })
const running: RemitProcess[] = []
after(async () => {
  await Promise.all(running.map((each) => each.kill()))
  await house.remove()
  await server.remove()
})

test('what is connected to one node is found by way of the other', async () => {
  const a = await house.found()
  running.push(a.process)
  await cp(join(house.data, 'keys'), join(house.root, 'b', 'keys'), { recursive: true })
  const b = await house.start({ data: join(house.root, 'b'), words: ['--node', 'b'] })
  running.push(b.process)
  const { code, control } = await a.as('ana').inviteGateway({ name: 'edge-1', gateway: 'http' })
  const edge = new RemitProcess([
    'gateway',
    ...control.flatMap((at) => ['--control', at]),
    '--enrol',
    code,
    '--data',
    join(house.root, 'edge'),
    '--json',
  ])
  running.push(edge)
  const urlOf = () => /"url":"([^"]+)"/.exec(edge.stdout)?.[1] ?? ''
  await until('it serves', () => urlOf() !== '')
  const urlsAt = async (at: typeof a) => (await at.as('reader').services()).services.map(({ urls }) => urls)
  for (const at of [a, b]) {
    while ((await urlsAt(at))[0] === undefined) await new Promise((resolve) => setTimeout(resolve, 100))
    assert.deepEqual(await urlsAt(at), [[at.gateway, urlOf()]])
  }
  const seen = async (at: typeof a) =>
    (await at.as('ana').gateways()).gateways.map(({ connected, connectedTo }) => [connected, connectedTo])
  assert.deepEqual([await seen(a), await seen(b)], [[[true, undefined]], [[false, 'main']]])
  // What is asked for at one node works there, and ends there too.
  const client = b.as('writer')
  const { id } = await client.requestGrant({ task: 'work', statement: 'by way of the other', scope: ['shop/put'] })
  await client.activate(id)
  const { access_token: token } = await client.sessionToken(id)
  await until('it has heard', async () => (await knock(urlOf(), token, 'PUT /items/1')).status === 200)
  const { confirmed } = await b.as('ben').revoke(id, 'enough')
  assert.ok(
    confirmed.some(({ gateway, how }) => gateway === 'edge-1' && how === 'confirmed'),
    JSON.stringify(confirmed),
  )
  assert.equal((await knock(urlOf(), token, 'PUT /items/2')).code, 'grant.ended')
})
