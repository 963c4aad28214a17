/** Who has read what anybody may have written, at gateways elsewhere: home knows it before they read, whatever becomes of them. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mustBe } from '../../src/kernel/result.ts'
import type { Bearer, Verdict } from '../../src/control/ports.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, ask, atWork, refused, refusedVerdict } from '../world/deeds.ts'
import { mailCall, mailDocument } from '../world/mail.ts'
import type { World } from '../world/world.ts'
import type { Machine } from './fed-machine.ts'
import { type Halves, withHalves } from './halves.ts'
import { asAsked, enrolled, ScriptedGateway, settled } from './scripted-gateway.ts'

const errand = { task: 'errand' } as const
const document = mailDocument()

/** `speaks`: the protocols of control. */
function onMail(work: (halves: Halves) => Promise<void>, speaks?: readonly number[]): () => Promise<void> {
  return () => withHalves(work, { document, ...(speaks === undefined ? {} : { speaks }) })
}

function call({ control }: Machine, bearer: Bearer, tool: Parameters<typeof mailCall>[2]): Verdict | Promise<Verdict> {
  return control.authorize(mailCall(control, bearer, tool))
}

async function errandOf(world: World, ...scope: readonly string[]): Promise<Grant> {
  return atWork(world, 'aide', scope, errand)
}

async function stateOf(world: World): Promise<string> {
  return mustBe(await ask(world, 'aide', ['mail/look-up'], errand)).state
}

test(
  'home knows when the call may go, asks nothing twice, and tells whoever takes its place what was read there',
  onMail(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await errandOf(world, 'mail/read', 'mail/look-up')
    const bearer = await edge.bearer(world, 'aide', grant.id)
    assert.equal(mustBe(await edge.control.readBefore(bearer)), undefined)
    edge.control.finish(allowed(await call(edge, bearer, 'look-up')), answered)
    assert.equal(await stateOf(world), 'approved')
    const decision = allowed(await call(edge, bearer, 'read'))
    assert.equal(await stateOf(world), 'pending', 'before anything was forwarded')
    mustBe(edge.control.stands(decision))
    edge.control.finish(decision, answered)
    const again = call(edge, bearer, 'read')
    assert.ok(!(again instanceof Promise), 'nothing is to be waited for')
    edge.control.finish(allowed(again), answered)
    // Another process in its place, of the same gateway.
    await edge.fed.close()
    const next = await machine('edge-2')
    assert.equal(mustBe(await next.control.readBefore(await next.bearer(world, 'aide', grant.id))), 'mail/read')
    allowed(await call(next, await next.bearer(world, 'aide', grant.id), 'read'))
    assert.deepEqual([...edge.alarms, ...next.alarms], [])
  }),
)

test(
  'what cannot be marked is not read; what was marked goes on for as long as the lease',
  onMail(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await errandOf(world, 'mail/read', 'mail/look-up')
    const [marked, other] = [await edge.bearer(world, 'aide', grant.id), await edge.bearer(world, 'aide', grant.id)]
    // Each token has a session of its own; what the tools are is known from the first.
    edge.control.finish(allowed(await call(edge, marked, 'read')), answered)
    edge.control.finish(allowed(await call(edge, other, 'look-up')), answered)
    edge.dial = () => Promise.reject(new Error('nobody answers there'))
    edge.link.close('the cable is cut')
    await settled()
    refusedVerdict(await call(edge, other, 'read'), 'control.unreachable')
    refused(await edge.control.readBefore(other), 'control.unreachable')
    edge.control.finish(allowed(await call(edge, marked, 'read')), answered)
    edge.control.finish(allowed(await call(edge, other, 'look-up')), answered)
  }),
)

test(
  'at a gateway of the version before, what may be read counts as read from the first call of a session on',
  onMail(async ({ world, served }) => {
    await enrolled(world, 'one')
    const one = await ScriptedGateway.welcomed(served, 'one', { speaks: [2, 1] })
    for (const [line, want] of [
      ['shop/list-incidents', 'approved'],
      ['mail/look-up', 'pending'],
    ] as const) {
      const grant = await atWork(world, 'aide', [line], line === 'mail/look-up' ? errand : {})
      const bearer = asAsked(await world.bearer('aide', grant.id))
      const opened = await one.ask({ what: 'open-session', ...bearer, grant: grant.id })
      assert.ok(opened.ok && opened.session?.grant === grant.id)
      assert.equal(await stateOf(world), want)
      assert.deepEqual(opened, await one.ask({ what: 'open-session', ...bearer, grant: grant.id }), 'once')
    }
  }),
)

test(
  'with a control of the version before, which keeps no marks, nothing of the kind is read',
  onMail(
    async ({ world, machine }) => {
      const edge = await machine('edge-1')
      const grant = await errandOf(world, 'mail/read')
      const bearer = await edge.bearer(world, 'aide', grant.id)
      refused(await edge.control.readBefore(bearer), 'control.unreachable')
      const verdict = await call(edge, bearer, 'read')
      assert.equal(verdict.outcome, 'deny')
      assert.deepEqual(edge.alarms, [])
    },
    [2, 1],
  ),
)

test(
  'nobody marks the session of another token, another grant or chain, or an operation that is none of theirs',
  onMail(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await errandOf(world, 'mail/read', 'mail/look-up')
    const other = await errandOf(world, 'mail/look-up')
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const { session } = allowed(await call(edge, bearer, 'look-up'))
    const elsewhere = mustBe(await world.house.gate.home.openSession(await world.bearer('aide', grant.id), grant.id))
    await enrolled(world, 'two')
    const two = await ScriptedGateway.welcomed(served, 'two', { speaks: [3] })
    const { claims, address } = bearer
    const right = { what: 'mark-untrusted', claims, address, session, grant: grant.id, service: 'mail', operation: 'read' } as const
    const asks = [
      [{ ...right, grant: other.id }, 'grant.missing'],
      [{ ...right, session: elsewhere.id }, 'session.ended'],
      [{ ...right, service: 'shop', operation: 'read' }, 'action.changed'],
      [{ ...right, operation: 'burn' }, 'action.changed'],
      [{ ...right, claims: { ...claims, chain: [world.person('ana').id] } }, 'grant.missing'],
      [{ what: 'read-before', claims: { ...claims, audience: 'urn:remit:main:control' }, address }, 'credential.invalid'],
      [right, true],
    ] as const
    for (const [asked, want] of asks) {
      const answer = await two.ask(asked)
      assert.equal(answer.ok || answer.code, want, JSON.stringify(asked))
    }
    assert.equal(await stateOf(world), 'pending')
  }),
)
