/** A duty applies whoever permits: what it demands is promised with every yes, recorded, and asked again at the door. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { explain } from '../../src/control/explain.ts'
import type { Call, Verdict } from '../../src/control/ports.ts'
import { isJsonObject, parseJson } from '../../src/kernel/json.ts'
import type { DecisionId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import type { Grant } from '../../src/model/grants.ts'
import { obligationNames } from '../../src/model/obligations.ts'
import { act, allowed, atWork, callOf, configure, held, hour, refused, refusedVerdict } from '../world/deeds.ts'
import { exceptionDeeds } from '../world/exceptions.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { shopDocument, shopPolicies } from '../world/shop.ts'
import { httpUpstream, keepingLog } from '../wire/upstreams.ts'
import { TestClock } from '../world/clock.ts'
import { openWorld, openWorldOf, sameDisk, testParts, type World } from '../world/world.ts'

const duties = `
@id("all-is-written") @duty("record=written, answer<=1MB")
forbid (principal, action in Effect::Action::"any", resource);

@id("reads-are-small") @duty("answer<=64kB, time<=30s")
forbid (principal, action in Effect::Action::"read", resource in Service::"shop");

@id("suspects-are-slow") @duty("record=durable, time<=1s")
forbid (principal in Role::"suspects", action in Effect::Action::"any", resource)
when { resource.environment == "prod" };

@id("restarts-are-quick") @hold("role:sre") @duty("time<=5s")
forbid (principal is AiAgent, action == Action::"http:shop/restart", resource);
`
const roles = {
  sre: ['ben'],
  'release-manager': ['eva'],
  operators: ['ben'],
  auditors: ['eva'],
  'incident-agents': ['aide'],
  'release-bots': ['bot'],
  meters: ['meter'],
  suspects: [] as readonly string[],
}
const dutiful = (more: Readonly<Record<string, unknown>> = {}) =>
  shopDocument({ policyFiles: [{ name: 'shop.cedar', text: `${shopPolicies}${duties}` }], roles, ...more })
const readDuties = ['all-is-written', 'reads-are-small']
const onReads = { evidence: 'written', answerBytesMax: 64_000, millisecondsMax: 30_000 }

describe('a duty', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: dutiful() })
  })
  after(() => world.close())
  beforeEach(() => configure(world, dutiful()))
  const { active } = exceptionDeeds(() => world)

  /** As a gateway asks that can do whatever a duty demands. */
  async function acts(
    who: string,
    grant: Grant | undefined,
    ...action: Parameters<typeof callOf> extends [World, unknown, ...infer R] ? R : never
  ) {
    const call = callOf(world, await world.bearer(who, grant?.id), ...action)
    return { ...call, meets: obligationNames }
  }
  const ask = (call: Call): Verdict | Promise<Verdict> => world.gateway.authorize(call)
  const lineOf = async (id: DecisionId) => mustBe(await world.house.journal.findDecision(id))[0] ?? {}
  const wordsOf = async (id: DecisionId) =>
    mustBe(await explain(world.desk, [world.house.journal], await world.caller('aide'), id)).words.join('\n')

  test('applies under a grant, under another one and under an exception alike', async () => {
    const grant = await atWork(world, 'aide', ['read:shop'], { idle: 2 * hour })
    const other = await atWork(world, 'aide', ['shop/list-incidents'], { idle: 2 * hour })
    const exception = await active()
    const decisions = [
      allowed(await ask(await acts('aide', grant, 'list-incidents'))),
      allowed(await ask(await acts('aide', other, 'list-incidents'))),
      allowed(await ask(await acts('bot', undefined, 'list-incidents'))),
    ]
    assert.equal(decisions[2]?.grant, exception.grant)
    for (const { id, obligations, duties: by } of decisions) {
      assert.deepEqual(obligations, onReads)
      assert.deepEqual(by, readDuties)
      assert.deepEqual((await lineOf(id))['duties'], readDuties)
    }
  })

  test('is not there for what it does not speak of, and leaves the line as it was', async () => {
    const text = `${shopPolicies}\n@id("writes") @duty("record=durable") forbid (principal, action in Effect::Action::"write", resource);`
    await configure(world, dutiful({ policyFiles: [{ name: 'shop.cedar', text }] }))
    const grant = await atWork(world, 'aide', ['read:shop'])
    const { id, obligations } = allowed(await act(world, 'aide', grant, 'list-incidents'))
    assert.deepEqual(obligations, {})
    assert.equal('duties' in (await lineOf(id)), false)
  })

  test('that whoever asks cannot meet is a no, and nobody is asked to approve', async () => {
    const grant = await atWork(world, 'aide', ['read|execute:shop'])
    const calls = [await acts('aide', grant, 'list-incidents'), await acts('aide', grant, 'restart', { service: 'checkout' })]
    for (const call of calls) {
      const { meets: _none, ...unable } = call
      refusedVerdict(await ask(unable), 'action.duty-unmet')
      refusedVerdict(await ask({ ...unable, meets: ['answerBytesMax'] }), 'action.duty-unmet')
    }
    assert.equal([...world.desk.facts.holds()].length, 0)
    const verdict = await ask({ ...(calls[0] ?? assert.fail()), meets: [] })
    assert.match(
      verdict.outcome === 'deny' ? (verdict.refusal.detail ?? '') : '',
      /all-is-written, reads-are-small: record=written, answer<=64kB, time<=30s/,
    )
  })

  test('and a hold on one policy: a person is asked, and what was approved is done as demanded', async () => {
    const grant = await atWork(world, 'aide', ['shop/restart'])
    const call = await acts('aide', grant, 'restart', { service: 'checkout' })
    const verdict = await ask(call)
    const hold = held(verdict)
    const { size } = await world.house.sequencer.flush().then(() => world.house.database.tree())
    const entries = (await world.house.database.leaves(0, size)).map(({ body }) => mustBe(parseJson(body ?? '{}')))
    const opened = entries.find((each) => isJsonObject(each) && each['kind'] === 'hold.opened' && each['subject'] === hold)
    const facts = isJsonObject(opened) ? opened['facts'] : undefined
    assert.deepEqual(isJsonObject(facts) ? facts['duties'] : undefined, ['all-is-written', 'restarts-are-quick'])
    mustBe(await world.answer('ben', hold, 'approve'))
    const { id, obligations } = allowed(await ask(call))
    assert.deepEqual(obligations, { evidence: 'written', answerBytesMax: 1_000_000, millisecondsMax: 5_000 })
    assert.equal((await lineOf(id))['hold'], hold)
    assert.match(await wordsOf(id), /with the duty "restarts-are-quick": time<=5s/)
  })

  test('that a change brings stops at the door what was decided without it; one that is met already does not', async () => {
    const grant = await atWork(world, 'aide', ['read:shop'], { idle: 2 * hour })
    const decision = allowed(await ask(await acts('aide', grant, 'list-incidents')))
    await configure(world, dutiful({ roles: { ...roles, sre: ['ben', 'eva'] } }))
    assert.equal(world.gateway.stands(decision).ok, true)
    await configure(world, dutiful({ roles: { ...roles, suspects: ['aide'] } }))
    refused(world.gateway.stands(decision), 'action.changed')
    const stricter = allowed(await ask(await acts('aide', grant, 'list-incidents')))
    assert.deepEqual(stricter.obligations, { evidence: 'durable', answerBytesMax: 64_000, millisecondsMax: 1_000 })
    await configure(world, dutiful())
    assert.equal(world.gateway.stands(stricter).ok, true, 'more than is demanded now')
  })

  test('is said by remit explain with the values that made it speak, also of what was allowed, and that policies changed since', async () => {
    await configure(world, dutiful({ roles: { ...roles, suspects: ['aide'] } }))
    const grant = await atWork(world, 'aide', ['read:shop'])
    const { id } = allowed(await ask(await acts('aide', grant, 'list-incidents')))
    const words = await wordsOf(id)
    assert.match(words, /because permit "agents-may-look-into-incidents" \(shop\.cedar:2\): context\.task\.kind is "incident"/)
    assert.match(words, /because forbid "suspects-are-slow" \(shop\.cedar:\d+\): resource\.environment is "prod"/)
    assert.match(words, /with the duty "suspects-are-slow": record=durable, time<=1s/)
    assert.doesNotMatch(words, /published since/)
    world.clock.advance(1_000)
    await configure(world, dutiful({ policyFiles: [{ name: 'shop.cedar', text: shopPolicies }] }))
    const later = await wordsOf(id)
    assert.match(later, /policies were published since, on 20.*: these are the reasons that they would give/)
    assert.match(later, /with the duty "suspects-are-slow", which is no longer in force/)
  })

  test('what was refused or held keeps its reasons, whatever is in force later; its client hears none of the values', async () => {
    const text = `${shopPolicies}\n@id("not-today") forbid (principal, action == Action::"http:shop/list-incidents", resource)\nwhen { resource.environment == "prod" && context.session.refusals < 9 };`
    await configure(world, dutiful({ policyFiles: [{ name: 'shop.cedar', text }] }))
    const grant = await atWork(world, 'aide', ['read|execute:shop'])
    const [no, wait] = [await act(world, 'aide', grant, 'list-incidents'), await act(world, 'aide', grant, 'restart', { service: 'a' })]
    refusedVerdict(no, 'action.forbidden')
    assert.equal(JSON.stringify(no).includes('prod"'), false)
    assert.ok(no.outcome === 'deny' && wait.outcome === 'held')
    assert.deepEqual((await lineOf(no.decision))['because'], [
      'forbid "not-today" (shop.cedar:23): resource.environment is "prod"',
      'forbid "not-today" (shop.cedar:23): context.session.refusals is 0, below 9',
    ])
    await configure(world, dutiful({ policyFiles: [{ name: 'shop.cedar', text: shopPolicies }] }))
    assert.match(await wordsOf(no.decision), /because forbid "not-today" \(shop\.cedar:23\): resource\.environment is "prod"/)
    assert.match(await wordsOf(wait.decision), /because forbid "restart-needs-a-person" \(shop\.cedar:\d+\): it has no conditions/)
  })
})

test('a record that a duty wants durable is durable before the action may be forwarded', async () => {
  const disk = memoryJournalDisk()
  let blocked: Promise<undefined> | undefined
  const clock = new TestClock()
  const parts = testParts(1, ':memory:', clock)
  const journalDisk = sameDisk({ ...disk, sync: () => blocked ?? Promise.resolve(undefined) })
  const world = await openWorldOf({ ...parts, clock, rooms: [{ ...parts.rooms[0], journalDisk }] }, dutiful())
  try {
    const durable = `@id("telemetry") @duty("record=durable") forbid (principal, action == Action::"http:shop/put-telemetry", resource);`
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'], { task: 'work' })
    const bearer = await world.bearer('meter', grant.id)
    const authorize = (): Promise<Verdict> =>
      Promise.resolve(world.gateway.authorize({ ...callOf(world, bearer, 'put-telemetry'), meets: obligationNames }))
    allowed(await authorize())
    for (const [text, waits] of [
      [shopPolicies, false],
      [`${shopPolicies}${durable}`, true],
    ] as const) {
      await configure(world, dutiful({ policyFiles: [{ name: 'shop.cedar', text }] }))
      let release = () => {}
      blocked = new Promise((resolve) => {
        release = () => resolve(undefined)
      })
      const asked = authorize()
      const first = await Promise.race([asked, new Promise<'waits'>((resolve) => setImmediate(() => setImmediate(() => resolve('waits'))))])
      assert.equal(first === 'waits', waits)
      release()
      blocked = undefined
      allowed(await asked)
    }
  } finally {
    blocked = undefined
    await world.close()
  }
})

test('from the policy to the last byte: a real gateway cuts what its own control demands, and says so in the journal', async (context) => {
  const upstreamPort = await httpUpstream(context, (request, response) => {
    request.resume()
    response.on('error', () => {})
    response.writeHead(200)
    response.end(request.headers['x-large'] === undefined ? 'x'.repeat(64_000) : 'x'.repeat(64_001))
  })
  const document = dutiful()
  const [shop] = Array.isArray(document['services']) ? document['services'] : []
  const services = [{ ...(isJsonObject(shop) ? shop : {}), upstream: `http://127.0.0.1:${upstreamPort}` }]
  const world = await openWorld({ document: { ...document, services } })
  context.after(() => world.close())
  const { gateway: control, clock } = world
  const gateway = await startHttpGateway({ control, clock, log: keepingLog(), limits: {}, listen: { host: '127.0.0.1' } })
  context.after(() => gateway.close(0))
  const grant = await atWork(world, 'aide', ['read:shop'])
  const token = reveal(
    mustBe(await world.exchange('aide', { grant: grant.id, audience: `urn:remit:main:gateway:${control.gateway}` })).token,
  )
  const ask = (headers: Readonly<Record<string, string>>) =>
    fetch(`${gateway.urls()['shop']}/incidents`, { headers: { authorization: `Bearer ${token}`, ...headers } })
  const whole = await ask({})
  assert.equal((await whole.text()).length, 64_000)
  const cut = await ask({ 'x-large': 'yes' })
    .then((answer) => answer.text())
    .catch(() => 'action.cut')
  // Where its head had gone out already, the answer breaks off instead.
  assert.match(cut, /action\.cut/)
  await world.house.journal.flush()
  const outcomes: string[] = []
  for await (const line of world.house.journal.read()) if (line.includes('"type":"outcome"')) outcomes.push(line)
  assert.match(outcomes[0] ?? '', /"responseBytes":64000,"result":"answered"/)
  assert.match(outcomes[1] ?? '', /"reason":"a duty demands answer<=64kB".*"result":"cut"/)
})
