/** Gateways elsewhere: one code enrols one key once, nobody learns anything by trying, and who is removed is out. */
import assert from 'node:assert/strict'
import { generateKeyPairSync } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { gatewayAudience } from '../../src/control/identify.ts'
import {
  codeHash,
  enrolGateway,
  type Enrolment,
  GatewayWatcher,
  inviteGateway,
  journalName,
  listGateways,
  removeGateway,
} from '../../src/control/gateways.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { makeVkey } from '../../src/ledger/note.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import { minute, refused } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openTwoSpaces, openWorld, type World } from '../world/world.ts'

describe('gateways elsewhere', () => {
  let world: World
  let plant: World
  let alarms: string[] = []
  let watcher: GatewayWatcher
  before(async () => {
    ;[world, plant] = await openTwoSpaces([shopDocument(), shopDocument({ space: 'plant' })])
    watcher = new GatewayWatcher(world.desk, (says) => alarms.push(says))
  })
  after(() => world.close())

  const invite = async (name: string, gateway = 'edge') => {
    const { gateway: invited, code } = mustBe(await inviteGateway(world.desk, await world.caller('ana'), { name, gateway }))
    return { invited, code: reveal(code) }
  }
  const enrol = (enrolment: Enrolment) => enrolGateway(world.desk, watcher, enrolment)
  const enrolled = async (name: string, letter: string, gateway?: string): Promise<EnrolledGateway> => {
    const { code } = await invite(name, gateway)
    return mustBe(await enrol(showing(code, letter)))
  }
  const signals = () => world.desk.store.read((tx) => tx.find('signal', {}))

  test('a code enrols one key, and everything that happened stands in the ledger', async () => {
    const { invited, code } = await invite('edge-1')
    assert.equal(invited.codeHash, codeHash(code))
    assert.ok(!JSON.stringify(invited).includes(code))
    assert.deepEqual(world.desk.facts.enrolled.all(), [])
    const gateway = mustBe(await enrol(showing(code, 'a')))
    assert.equal(gateway.state, 'enrolled')
    assert.deepEqual([gateway.key, gateway.address], [keyOf('a'), '192.0.2.7'])
    assert.deepEqual(world.desk.facts.enrolled.byKey(keyOf('a')), gateway)
    await world.house.sequencer.flush()
    const entries = (await world.desk.log.leaves(0, 1_000)).flatMap(({ body }) => (body === undefined ? [] : [body]))
    const about = entries.filter((body) => body.includes(gateway.id))
    assert.deepEqual(
      about.map((body) => /"kind":"([a-z.]+)"/.exec(body)?.[1]),
      ['gateway.invited', 'gateway.enrolled'],
    )
    assert.ok(about[1]?.includes(keyOf('a')) && about[1].includes(journalName(keyOf('a'))))
    assert.ok(!entries.some((body) => body.includes(code)))
  })

  test('the same key that comes back because it heard nothing is answered again, within the time', async () => {
    const { code } = await invite('edge-2')
    const first = mustBe(await enrol(showing(code, 'b')))
    assert.equal(mustBe(await enrol(showing(code, 'b'))).id, first.id)
    world.clock.advance(16 * minute)
    refused(await enrol(showing(code, 'b')), 'enrolment.refused')
  })

  test('whoever comes second is refused, told of and written down, and the first stays', async () => {
    alarms = []
    const { invited, code } = await invite('edge-3')
    const first = mustBe(await enrol(showing(code, 'c')))
    refused(await enrol({ ...showing(code, 'd'), address: '203.0.113.9' }), 'enrolment.refused')
    refused(await enrol(showing(code, 'e')), 'enrolment.refused')
    const raised = (await signals()).filter(({ about }) => about === invited.id)
    assert.deepEqual(
      raised.map(({ kind, about }) => [kind, about]),
      [['enrolment-code-reused', invited.id]],
      'once in a minute',
    )
    assert.match(alarms[0] ?? '', /edge-3: its code was used again, from 203\.0\.113\.9/)
    assert.deepEqual(world.desk.facts.enrolled.byKey(keyOf('c')), first)
    assert.equal(world.desk.facts.enrolled.byKey(keyOf('d')), undefined)
  })

  test('of two at once one is enrolled', async () => {
    const { code } = await invite('edge-4')
    const both = await Promise.all([enrol(showing(code, 'f')), enrol(showing(code, '0'))])
    assert.equal(both.filter(({ ok }) => ok).length, 1)
  })

  test('everything that is wrong is answered alike', async () => {
    const used = await invite('used')
    mustBe(await enrol(showing(used.code, '1')))
    const voided = await invite('voided')
    await invite('voided')
    const gone = await invite('gone')
    mustBe(await removeGateway(world.desk, await world.caller('ana'), 'gone', 'a mistake'))
    const late = await invite('late')
    const other = await invite('other')
    world.clock.advance(1)
    const cases: readonly (readonly [string, Enrolment])[] = [
      ['a code that never was', showing('0'.repeat(40), '2')],
      ['a used one', showing(used.code, '2')],
      ['one that a later one took the place of', showing(voided.code, '2')],
      ['one of a gateway that was removed', showing(gone.code, '2')],
      ['a key that is enrolled already', showing(other.code, '1')],
      [
        'a journal under another’s name',
        { ...showing(other.code, '2'), journal: makeVkey('remit.local/main/http', new Uint8Array(32).fill(7)) },
      ],
      ['no journal', { ...showing(other.code, '2'), journal: 'nothing' }],
    ]
    const answers = new Set<string>()
    for (const [says, enrolment] of cases) {
      const answer = await enrol(enrolment)
      assert.equal(answer.ok, false, says)
      answers.add(JSON.stringify(answer))
    }
    world.clock.advance(15 * minute)
    answers.add(JSON.stringify(await enrol(showing(late.code, '2'))))
    assert.deepEqual([...answers], ['{"ok":false,"refusal":{"code":"enrolment.refused"}}'])
    assert.equal(world.desk.facts.enrolled.byKey(keyOf('2')), undefined)
  })

  test('who is removed is out, under this key for good, and its name is free', async () => {
    const gateway = await enrolled('edge-5', '3', 'http')
    const gone = mustBe(await removeGateway(world.desk, await world.caller('ana'), 'edge-5', 'stolen'))
    assert.equal(gone.gateway.state, 'removed')
    assert.deepEqual(gone.secrets, ['shop'])
    assert.equal(world.desk.facts.enrolled.byKey(keyOf('3')), undefined)
    const { code } = await invite('edge-5')
    refused(await enrol(showing(code, '3')), 'enrolment.refused')
    const again = mustBe(await enrol(showing(code, '4')))
    assert.notEqual(again.id, gateway.id)
    refused(await inviteGateway(world.desk, await world.caller('ana'), { name: 'edge-5', gateway: 'edge' }), 'name.used')
  })

  test('a restart knows who is enrolled, and who is not', async () => {
    const { facts } = world.desk
    const before = facts.enrolled.all().map(({ name }) => name)
    assert.ok(before.includes('edge-1'))
    const { Facts } = await import('../../src/control/facts.ts')
    const again = new Facts('main')
    await again.load(world.desk.store)
    assert.deepEqual(
      again.enrolled
        .all()
        .map(({ name }) => name)
        .toSorted(),
      before.toSorted(),
    )
    assert.equal(again.enrolled.byKey(keyOf('3')), undefined)
  })

  test('inviting is for who administers, removing for who may stop; nobody else learns what is there', async () => {
    const aide = await world.caller('bot')
    refused(await inviteGateway(world.desk, aide, { name: 'mine', gateway: 'http' }), 'caller.not-allowed')
    const [there, notThere] = [await removeGateway(world.desk, aide, 'edge-1', 'x'), await removeGateway(world.desk, aide, 'nobody', 'x')]
    assert.deepEqual(there, notThere)
    refused(there, 'caller.not-allowed')
    refused(await listGateways(world.desk, aide), 'caller.not-allowed')
    const listed = mustBe(await listGateways(world.desk, await world.caller('ana')))
    assert.ok(listed.some(({ name }) => name === 'edge-1') && !listed.some(({ state }) => state === 'removed'))
  })

  test('the gateway inside control serves what is its own, and nothing of a gateway elsewhere', async () => {
    const document = shopDocument()
    const [shop] = document['services'] as readonly JsonObject[]
    const away = await openWorld({ document: { ...document, services: [{ ...shop, gateway: 'edge' }] } })
    assert.equal(away.desk.facts.service('shop')?.gateway, 'edge')
    assert.deepEqual(away.gateway.services(), [])
    assert.equal(away.gateway.service('shop'), undefined)
    assert.equal(world.gateway.service('shop')?.id, 'shop')
    await away.close()
  })

  test('a space knows nothing of the gateways of another', async () => {
    const { code } = await invite('edge-6')
    refused(await enrolGateway(plant.desk, new GatewayWatcher(plant.desk, () => {}), showing(code, '5')), 'enrolment.refused')
    assert.deepEqual(plant.desk.facts.enrolled.all(), [])
  })

  test('tokens are given for the gateways that there are', async () => {
    await enrolled('edge-7', '6', 'yard')
    assert.equal((await world.exchange('bot', { audience: gatewayAudience('main', 'yard') })).ok, true)
    refused(await world.exchange('bot', { audience: gatewayAudience('main', 'nowhere') }), 'input.invalid')
  })
})

function keyOf(letter: string): string {
  return letter.repeat(64)
}

function showing(code: string, letter: string): Enrolment {
  const { publicKey } = generateKeyPairSync('ed25519')
  const raw = keys.get(letter) ?? new Uint8Array(Buffer.from(publicKey.export({ format: 'jwk' }).x ?? '', 'base64url'))
  keys.set(letter, raw)
  return { codeHash: codeHash(code), key: keyOf(letter), journal: makeVkey(journalName(keyOf(letter)), raw), address: '192.0.2.7' }
}

const keys = new Map<string, Uint8Array>()
