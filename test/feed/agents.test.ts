/** Agents that ask for what they may do at gateways elsewhere: heard by their own token, at the desk that everybody asks. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Agent } from '../../src/control/own-tools.ts'
import { ServedAgents } from '../../src/feed/served-agents.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { allowed, answered, refused } from '../world/deeds.ts'
import { here, type World } from '../world/world.ts'
import type { Machine } from './fed-machine.ts'
import { withHalves } from './halves.ts'
import { asAsked, enrolled, ScriptedGateway } from './scripted-gateway.ts'

const incident = { task: 'incident', statement: 'checkout hangs', scope: ['read:shop'] } as const

async function agentAt({ control }: Machine, world: World, name: string, grant?: string): Promise<Agent> {
  const audience = `urn:remit:${control.space}:gateway:${control.gateway}`
  const exchanged = mustBe(await world.exchange(name, { audience, ...(grant === undefined ? {} : { grant }) }))
  const token = reveal(exchanged.token)
  return { bearer: mustBe(await control.identify(token, here)), token }
}

test('what policy gives by itself begins at once, is known at the gateway by then, and ends when the agent says so', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const desk = edge.fed.agentDesk()
    const agent = await agentAt(edge, world, 'aide')
    const found = mustBe(await desk.eligible(agent, { task: 'incident' }))
    assert.ok(found.some(({ resource, approval }) => resource === 'shop/list-incidents' && approval === 'nobody'))
    const grant = mustBe(await desk.request(agent, incident))
    assert.equal(grant.state, 'active')
    const decision = allowed(await edge.act(agent.bearer, 'list-incidents'))
    edge.control.finish(decision, answered)
    assert.deepEqual(
      mustBe(await desk.status(agent, undefined)).map(({ id }) => id),
      [grant.id],
    )
    assert.equal(mustBe(await desk.done(agent, grant.id, 'found it')).state, 'ended')
    assert.equal((await edge.act(agent.bearer, 'list-incidents')).outcome, 'deny')
    assert.equal(world.desk.facts.grant(grant.id)?.chain[0], world.person('aide').id)
  }))

test("a request that waits for a person is told with its page, and others' grants are not there", () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const desk = edge.fed.agentDesk()
    const bot = await agentAt(edge, world, 'bot')
    const asked = mustBe(await desk.request(bot, { task: 'release', statement: 'v2', scope: ['shop/deploy'], duration: 600_000 }))
    assert.equal(asked.state, 'pending')
    assert.match(asked.page, new RegExp(`/requests/${asked.id}$`))
    const aide = await agentAt(edge, world, 'aide')
    refused(await desk.status(aide, asked.id), 'not-found')
    refused(await desk.done(aide, asked.id, 'not mine'), 'not-found')
    assert.deepEqual(mustBe(await desk.status(aide, undefined)), [])
  }))

test('a token for one grant asks for no other', () =>
  withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const desk = edge.fed.agentDesk()
    const grant = mustBe(await desk.request(await agentAt(edge, world, 'aide'), incident))
    const named = await agentAt(edge, world, 'aide', grant.id)
    refused(await desk.request(named, incident), 'caller.not-allowed')
    assert.equal(mustBe(await desk.done(named, grant.id, 'over')).state, 'ended')
  }))

test('without control nothing is asked; and a control of the version before says that it cannot be asked', async () => {
  await withHalves(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const agent = await agentAt(edge, world, 'aide')
    edge.dial = () => Promise.reject(new Error('nobody answers there'))
    edge.link.close('the cable is cut')
    refused(await edge.fed.agentDesk().request(agent, incident), 'control.unreachable')
    assert.deepEqual([...world.desk.facts.openGrantsOf(world.person('aide').id)], [])
  })
  await withHalves(
    async ({ world, machine }) => {
      const edge = await machine('edge-1')
      refused(await edge.fed.agentDesk().request(await agentAt(edge, world, 'aide'), incident), 'control.unreachable')
    },
    { speaks: [2, 1] },
  )
})

test('nobody asks by a gateway’s word alone: the token must be one of this gateway, of these claims, and live', () =>
  withHalves(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const { bearer, token } = await agentAt(edge, world, 'aide')
    const another = await agentAt(edge, world, 'bot')
    const ofControl = reveal(mustBe(await world.exchange('aide', { audience: `urn:remit:${world.desk.space}:control` })).token)
    await enrolled(world, 'two')
    const two = await ScriptedGateway.welcomed(served, 'two', { speaks: [3] })
    const right = { what: 'agent', ...asAsked(bearer), token, deed: { do: 'request', request: incident } } as const
    const wrong = [
      { ...right, token: another.token },
      { ...right, token: ofControl },
      { ...right, token: `${token.slice(0, -4)}AAAA` },
      { ...right, token: 'nothing' },
      { ...right, claims: another.bearer.claims },
    ]
    for (const ask of wrong) {
      const answer = await two.ask(ask)
      assert.equal(answer.ok || answer.code, 'credential.invalid')
    }
    assert.deepEqual([...world.desk.facts.openGrantsOf(world.person('aide').id)], [])
    // What the claims that go with it say is not what counts: it is read in the token.
    const answer = await two.ask({ ...right, claims: { ...bearer.claims, chain: another.bearer.claims.chain } })
    assert.ok(answer.ok)
    assert.equal([...world.desk.facts.openGrantsOf(world.person('aide').id)].length, 1)
    assert.deepEqual([...world.desk.facts.openGrantsOf(world.person('bot').id)], [])
    world.clock.advance(24 * 3_600_000)
    const late = await two.ask({ ...right })
    assert.equal(late.ok || late.code, 'credential.invalid')
  }))

test('what one gateway asks does not pile up at control', () =>
  withHalves(async ({ world, machine }) => {
    const agent = await agentAt(await machine('edge-1'), world, 'aide')
    const served = new ServedAgents(world.desk)
    const all = await Promise.all(Array.from({ length: 40 }, () => served.answer(agent, { do: 'eligible' })))
    assert.deepEqual(
      all.flatMap((each) => (each.ok ? [] : [each.refusal.detail])),
      Array.from({ length: 8 }, () => 'at most 32 at a time'),
    )
    mustBe(await served.answer(agent, { do: 'eligible' }))
  }))
