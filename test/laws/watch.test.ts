/** A configuration on disk is a proposal: half-written files are not, faults stay out and are told once, what widens waits for people. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { makeLog } from '../../src/host/logs.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { WatchedConfiguration } from '../../src/main/watched-configuration.ts'
import { signAll } from '../world/configure.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

describe('a watched configuration', () => {
  let world: World
  let folder = ''
  let watched: WatchedConfiguration
  const said: string[] = []

  before(async () => {
    world = await openWorld({ document: shopDocument({ policyFiles: [] }) })
    folder = await mkdtemp(join(tmpdir(), 'remit-watch-'))
    await mkdir(join(folder, 'policies'))
    await write('policies/shop.cedar', shopPolicies)
    await writeYaml()
    const log = { ...makeLog({ level: 'silent' }), error: (says: string) => void said.push(says) }
    watched = new WatchedConfiguration({ desk: world.desk, path: join(folder, 'remit.yaml'), env: { SHOP_SECRET: 'upstream-secret' }, log })
    await watched.propose({ mayBeFaulty: false })
    await settle()
    for (const set of [...world.desk.facts.changes.waiting()]) await signAll(world, set)
    assert.ok((world.desk.facts.policies?.parsed.length ?? 0) > 3)
  })
  after(async () => {
    await rm(folder, { recursive: true })
    await world.close()
  })

  const write = (name: string, text: string) => writeFile(join(folder, name), text)
  /** The document as YAML, which JSON is too. */
  const writeYaml = async (changes: Readonly<Record<string, unknown>> = {}) => {
    const { policyFiles: _, services, ...rest } = shopDocument(changes)
    const [shop] = JSON.parse(JSON.stringify(services)) as { credential: unknown }[]
    const document = { ...rest, policies: './policies', services: [{ ...shop, credential: { bearer: 'env:SHOP_SECRET' } }] }
    await write('remit.yaml', JSON.stringify(document, null, 2))
  }
  const settle = async () => {
    for (let times = 0; times < 3; times += 1) await watched.look()
  }
  const waiting = () => [...world.desk.facts.changes.waiting()]
  const entries = async (kind: string) => {
    mustBe(await world.house.sequencer.flush())
    const { size } = await world.house.database.tree()
    const bodies = (await world.house.database.leaves(Math.max(0, size - 100), 100)).map(({ body }): { kind: string; actor: string } =>
      JSON.parse(body ?? '{}'),
    )
    return bodies.filter((body) => body.kind === kind)
  }

  test('that says what is there proposes nothing', async () => {
    const { version } = await world.desk.store.last()
    await writeYaml()
    await settle()
    assert.equal((await world.desk.store.last()).version, version)
    assert.deepEqual(waiting(), [])
  })

  test('is proposed once two looks saw the same, and not in between', async () => {
    await write('policies/more.cedar', `@id("no-deleting")\nforbid (principal, action in Effect::Action::"delete", resource);\n`)
    await watched.look()
    assert.equal(world.desk.facts.rules?.guardrails.byId.has('no-deleting'), false)
    await write('policies/more.cedar', `@id("no-deleting-at-all")\nforbid (principal, action in Effect::Action::"delete", resource);\n`)
    await watched.look()
    assert.equal(world.desk.facts.rules?.guardrails.byId.has('no-deleting-at-all'), false, 'another text: it was still being written')
    await watched.look()
    assert.equal(world.desk.facts.rules?.guardrails.byId.has('no-deleting-at-all'), true, 'what narrows applies at once')
    const applied = (await entries('configuration.applied')).at(-1)
    assert.equal(applied?.actor, "the machine's operator")
  })

  test('that widens waits for people, and a later edit takes its place', async () => {
    const eva = (more: string) =>
      `@id("eva-asks${more}")\npermit (principal == Human::"eva", action == Action::"request", resource in Service::"shop");\n`
    await write('policies/eva.cedar', eva(''))
    await settle()
    const [first] = waiting()
    assert.deepEqual([waiting().length, first?.class, first?.requirement.personsMin], [1, 'widens', 2])
    assert.equal(world.desk.facts.rules?.eligibility.byId.has('eva-asks'), false)
    await write('policies/eva.cedar', eva('-too'))
    await settle()
    const [second] = waiting()
    assert.ok(second !== undefined && second.id !== first?.id)
    assert.equal((await world.desk.store.read((tx) => tx.get('changeSet', first?.id ?? '')))?.state, 'withdrawn')
    assert.equal(await signAll(world, second), 'applied')
    assert.equal(world.desk.facts.rules?.eligibility.byId.has('eva-asks-too'), true)
  })

  test('with a fault stays out: an alarm, and one entry for each text', async () => {
    const before = world.desk.facts.policies?.version
    said.length = 0
    await write('policies/typo.cedar', 'permit (principal in Rolle::"x", action, resource);\n')
    await settle()
    await settle()
    assert.equal(watched.isRejected, true)
    assert.equal(world.desk.facts.policies?.version, before)
    assert.equal((await entries('configuration.rejected')).length, 1)
    assert.equal(said.length, 1)
    assert.match(said[0] ?? '', /policies\/typo\.cedar:1:22: unrecognized entity type/)
    await write('remit.yaml', 'version: 1\nservices: [{')
    await settle()
    assert.equal((await entries('configuration.rejected')).length, 2)
    await writeYaml()
    await rm(join(folder, 'policies/typo.cedar'))
    await settle()
    assert.equal(watched.isRejected, false, 'mended')
    assert.equal(world.desk.facts.policies?.version, before)
  })

  test('from which a policy file is deleted proposes that it goes', async () => {
    await rm(join(folder, 'policies/more.cedar'))
    await settle()
    const [set] = waiting()
    assert.match(
      set?.changes.map((line) => `${line.class} ${line.name} ${line.says}`).join() ?? '',
      /widens no-deleting-at-all no longer forbids/,
    )
  })
})
