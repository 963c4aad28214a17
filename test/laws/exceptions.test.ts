/** An exception: owned, dated, approved by somebody else, no wider than it was approved, and over when it is over. */
import assert from 'node:assert/strict'
import { after, before, beforeEach, describe, test } from 'node:test'
import { closeByHand, type ExceptionInput, tickStep, withdrawException } from '../../src/control/exceptions.ts'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { quarantine, release } from '../../src/control/quarantine.ts'
import { extendGrant } from '../../src/control/work-window.ts'
import { mustBe, type Result } from '../../src/kernel/result.ts'
import type { StandingException } from '../../src/model/identities.ts'
import type { RefusalCode } from '../../src/kernel/refusals.ts'
import { document, people, policies } from '../world/approvers.ts'
import { act, allowed, answered, atWork, callOf, configure, held, hour, minute, refused, refusedVerdict } from '../world/deeds.ts'
import { day, exceptionDeeds } from '../world/exceptions.ts'
import { openWorld, type World } from '../world/world.ts'

describe('an exception', () => {
  let world: World
  before(async () => {
    world = await openWorld({ document: document() })
  })
  after(() => world.close())
  const { propose, approve, active, swept, stateOf, read, again } = exceptionDeeds(() => world)
  beforeEach(again)
  const comesTo = (result: Result<unknown>, want: RefusalCode | 'done') => assert.equal(result.ok ? 'done' : result.refusal.code, want)

  test('permits what was approved, and nothing of it before', async () => {
    const exception = mustBe(await propose())
    refusedVerdict(await read(), 'grant.missing')
    mustBe(await approve(exception))
    allowed(await read())
    refusedVerdict(await act(world, 'bot', undefined, 'deploy', { version: '1' }), 'grant.missing')
    refusedVerdict(await read('aide'), 'grant.missing')
  })

  const faults: readonly { readonly says: string; readonly more: () => Partial<ExceptionInput>; readonly want: RefusalCode }[] = [
    { says: 'an owner', more: () => ({ owner: 'nobody' }), want: 'exception.owner' },
    { says: 'an owner who is a person', more: () => ({ owner: 'aide' }), want: 'exception.owner' },
    { says: 'an end', more: () => ({ expiresAt: Number.NaN }), want: 'input.invalid' },
    { says: 'an end that lies ahead', more: () => ({ expiresAt: world.clock.now() }), want: 'input.invalid' },
    { says: 'an end within 90 days', more: () => ({ expiresAt: world.clock.now() + 90 * day + 1 }), want: 'exception.too-long' },
    {
      says: 'an end within 30 days where it runs the desk',
      more: () => ({ identity: 'ana', scope: [], deskActions: ['administer'], expiresAt: world.clock.now() + 30 * day + 1 }),
      want: 'exception.too-long',
    },
    { says: 'a reason', more: () => ({ reason: ' ' }), want: 'input.invalid' },
    { says: 'a way out', more: () => ({ remediation: [] }), want: 'input.invalid' },
    { says: 'something to permit', more: () => ({ scope: [] }), want: 'input.invalid' },
    { says: 'one thing to permit', more: () => ({ deskActions: ['audit'] }), want: 'input.invalid' },
    { says: 'a person, where it permits to approve', more: () => ({ scope: [], deskActions: ['approve'] }), want: 'input.invalid' },
    { says: 'the desk named as the desk', more: () => ({ scope: ['administer:desk'] }), want: 'input.invalid' },
    { says: 'no change of tier 3', more: () => ({ scope: ['shop/wipe'] }), want: 'exception.tier' },
    { says: 'no change of tier 3 among others', more: () => ({ scope: ['read|administer:shop'] }), want: 'exception.tier' },
    { says: 'operations that exist', more: () => ({ scope: ['read:nowhere'] }), want: 'scope.unknown' },
  ]
  for (const { says, more, want } of faults) test(`is not proposed without ${says}`, async () => refused(await propose(more()), want))

  test('lasts 90 days at most', async () => assert.ok((await propose({ expiresAt: world.clock.now() + 90 * day })).ok))

  const proposers: readonly { readonly by: string; readonly of: string; readonly owner: string; readonly want: RefusalCode | 'done' }[] = [
    { by: 'ana', of: 'meter', owner: 'cyd', want: 'done' },
    { by: 'ben', of: 'meter', owner: 'ben', want: 'done' },
    { by: 'cyd', of: 'cyd', owner: 'cyd', want: 'done' },
    { by: 'ben', of: 'meter', owner: 'cyd', want: 'not-found' },
    { by: 'ben', of: 'bot', owner: 'ben', want: 'not-found' },
    { by: 'ben', of: 'nobody', owner: 'ben', want: 'not-found' },
    { by: 'meter', of: 'meter', owner: 'ben', want: 'not-found' },
  ]
  for (const { by, of, owner, want } of proposers)
    test(`${by} proposes one for ${of} that ${owner} answers for: ${want}`, async () =>
      comesTo(await propose({ identity: of, owner }, by), want))

  const approvers: readonly {
    readonly by: string
    readonly more: Partial<ExceptionInput>
    readonly proposer: string
    readonly want: RefusalCode | 'done'
  }[] = [
    { by: 'ana', more: { owner: 'cyd' }, proposer: 'ana', want: 'approval.own-request' },
    { by: 'cyd', more: { identity: 'meter', owner: 'cyd' }, proposer: 'ana', want: 'approval.own-request' },
    { by: 'ben', more: { identity: 'meter', owner: 'cyd' }, proposer: 'ana', want: 'approval.own-request' },
    {
      by: 'cyd',
      more: { identity: 'cyd', owner: 'dan', scope: [], deskActions: ['audit'] },
      proposer: 'ana',
      want: 'approval.own-request',
    },
    { by: 'ana', more: { identity: 'meter', owner: 'cyd' }, proposer: 'ana', want: 'approval.own-request' },
    { by: 'dan', more: { identity: 'meter', owner: 'cyd' }, proposer: 'ana', want: 'done' },
    { by: 'eva', more: { identity: 'cyd', owner: 'dan', scope: [], deskActions: ['audit'] }, proposer: 'ana', want: 'done' },
  ]
  for (const { by, more, proposer, want } of approvers)
    test(`${by} says yes to one of ${more.identity ?? 'bot'}, owned by ${more.owner ?? 'ana'}, proposed by ${proposer}: ${want}`, async () =>
      comesTo(await approve(mustBe(await propose(more, proposer)), by), want))

  test('a machine says yes to none', async () => {
    const exception = mustBe(await propose())
    const { prepareAnswer } = await import('../../src/control/answer.ts')
    refused(
      await prepareAnswer(world.desk, world.person('aide'), { subject: exception.id, decision: 'approve', narrowing: {} }),
      'approval.not-approver',
    )
  })

  test('a yes takes away, and never adds', async () => {
    const scope = ['shop/deploy', 'read:shop']
    const wide = mustBe(await propose({ scope }))
    for (const narrowing of [
      { duration: 30 * day + 1 },
      { duration: 0 },
      { lines: [] },
      { lines: [0, 0] },
      { lines: [2] },
      { uses: { '2': 1 } },
      { uses: { '0': 0 } },
    ]) {
      refused(await approve(wide, 'ben', narrowing), 'approval.widens')
    }
    const { exception } = mustBe(await approve(wide, 'ben', { duration: 2 * day, lines: [0], uses: { '0': 1 } }))
    assert.equal(exception?.expiresAt, world.clock.now() + 2 * day)
    assert.deepEqual(exception.blast, { operations: ['shop/deploy'], effects: ['write'], tier: 1 })
    refusedVerdict(await read(), 'grant.missing')
    world.gateway.finish(allowed(await act(world, 'bot', undefined, 'deploy', { version: '1' })), answered)
  })

  test('ends by itself to the millisecond, swept or not, and what is under way is cut', async () => {
    const exception = await active({ expiresAt: world.clock.now() + 10 * day })
    world.clock.advance(10 * day - 1)
    const bearer = await world.bearer('bot')
    const call = callOf(world, bearer, 'list-incidents')
    const decision = allowed(await world.gateway.authorize(call))
    assert.equal(decision.endsAt, exception.expiresAt, 'a stream is cut at this instant')
    let cut = ''
    world.gateway.onEnd(decision.session, (reason) => {
      cut = reason
    })
    assert.ok(world.gateway.stands(decision).ok)
    world.clock.advance(1)
    assert.equal(world.gateway.stands(decision).ok, false, 'not a byte more')
    refusedVerdict(await world.gateway.authorize(call), 'grant.missing')
    await swept()
    assert.equal(cut, 'expired')
    assert.equal(await stateOf(exception), 'ended')
  })

  test('a clock that is set back a day does not bring it back', async () => {
    const exception = await active({ expiresAt: world.clock.now() + 2 * day })
    world.clock.advance(2 * day)
    await swept()
    world.clock.advance(-day)
    refusedVerdict(await read(), 'grant.missing')
    assert.equal(await stateOf(exception), 'ended')
    world.clock.advance(day)
  })

  test('is no grant to extend, and ends with the grant that is revoked', async () => {
    const exception = await active()
    assert.ok(exception.grant)
    const longer = await extendGrant(world.desk, await world.caller('bot'), exception.grant, { milliseconds: minute, reason: 'more' })
    refused(longer, 'grant.extension-refused')
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), exception.grant, 'enough'))
    assert.equal(await stateOf(exception), 'ended')
    refusedVerdict(await read(), 'grant.missing')
  })

  test('is used only where no grant covers, and every use says so', async () => {
    // It ends before the grant does: between two grants that would be the one to take.
    const exception = await active({ expiresAt: world.clock.now() + 20 * minute })
    const standing = allowed(await read())
    assert.equal(standing.grant, exception.grant)
    const explained = await journalOf(standing.id)
    assert.equal(explained?.['exception'], exception.id)
    await configure(
      world,
      document({
        policyFiles: [{ name: 'shop.cedar', text: policies.replace('@approval("role:release-manager") @duration', '@duration') }],
      }),
    )
    const grant = await atWork(world, 'bot', ['read:shop'], { task: 'release' })
    assert.equal(allowed(await read()).grant, grant.id)
    assert.equal(allowed(await act(world, 'bot', undefined, 'list-incidents')).grant, grant.id)
  })
  const journalOf = async (id: string) => {
    const found = await world.house.journal.findDecision(id as `dec_${string}`)
    return found.ok ? found.value[0] : undefined
  }

  test('guardrails forbid, and hold, as ever', async () => {
    await active({ identity: 'aide', scope: ['shop/restart'] })
    held(await act(world, 'aide', undefined, 'restart', { service: 'checkout' }))
    await configure(
      world,
      document({
        policyFiles: [
          {
            name: 'shop.cedar',
            text: `${policies}\n@id("no-reading") forbid (principal is AiAgent, action in Effect::Action::"execute", resource);`,
          },
        ],
      }),
    )
    refusedVerdict(await act(world, 'aide', undefined, 'restart', { service: 'checkout' }), 'action.forbidden')
  })

  /** The shop with one route changed, or one more. */
  const shop = (change: (routes: Record<string, unknown>[]) => Record<string, unknown>[]) => {
    const made = document()
    const [service] = made['services'] as unknown as Record<string, unknown>[]
    if (service !== undefined) service['routes'] = change(service['routes'] as Record<string, unknown>[])
    return made
  }
  const impactOf = (name: string, impact: Record<string, string>) => (routes: Record<string, unknown>[]) =>
    routes.map((route) => (route['name'] === name ? { ...route, impact } : route))

  test('a change whose impact rises to tier 3 is refused at once, and the exception ends', async () => {
    const exception = await active({ scope: ['shop/deploy'] })
    const call = callOf(world, await world.bearer('bot'), 'deploy', { version: '1' })
    const decision = allowed(await world.gateway.authorize(call))
    await configure(world, shop(impactOf('deploy', { data: 'critical', service: 'critical', safety: 'none' })))
    assert.equal(world.gateway.stands(decision).ok, false, 'nor does what was decided before pass the door')
    refusedVerdict(await world.gateway.authorize(call), 'exception.outgrown')
    await swept()
    assert.equal(await stateOf(exception), 'ended')
  })

  test('an operation that is declared later is none of it', async () => {
    await active()
    await configure(
      world,
      shop((routes) => [...routes, { name: 'list-secrets', method: 'GET', path: '/secrets', effect: 'read' }]),
    )
    refusedVerdict(await act(world, 'bot', undefined, 'list-secrets'), 'exception.outgrown')
    allowed(await read())
  })

  test('what outgrows its proposal is not approved', async () => {
    const exception = mustBe(await propose({ scope: ['shop/deploy'] }))
    await configure(world, shop(impactOf('deploy', { data: 'high', service: 'high', safety: 'none' })))
    refused(await approve(exception), 'exception.outgrown')
  })

  const identities = [
    { name: 'aide', kind: 'ai-agent', owner: 'ana' },
    { name: 'bot', kind: 'service-account', owner: 'ana' },
    { name: 'meter', kind: 'api-client', owner: 'ben' },
  ]
  const fallen: readonly { readonly says: string; readonly change: () => Promise<unknown> }[] = [
    {
      says: 'its owner is disabled',
      change: () =>
        configure(world, document({ people: people.map((each) => (each.name === 'cyd' ? { ...each, disabled: true } : each)) })),
    },
    { says: 'its identity is quarantined', change: async () => quarantine(world.desk, await world.caller('ben'), 'bot', 'odd') },
    {
      says: 'its identity is disabled',
      change: () =>
        configure(world, document({ identities: identities.map((each) => (each.name === 'bot' ? { ...each, disabled: true } : each)) })),
    },
  ]
  for (const { says, change } of fallen)
    test(`ends when ${says}`, async () => {
      const exception = await active({ owner: 'cyd' })
      allowed(await read())
      await change()
      await swept()
      assert.equal(await stateOf(exception), 'ended')
      assert.ok(exception.grant)
      assert.equal(world.desk.facts.grant(exception.grant)?.state, 'ended')
    })

  test('permits nothing while its owner is contained, and goes on when that is lifted', async () => {
    await active({ owner: 'cyd' })
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'cyd', 'odd'))
    refusedVerdict(await read(), 'identity.owner-gone')
    await swept()
    mustBe(await release(world.desk, await world.caller('ben'), 'cyd', 'it was not'))
    allowed(await read())
  })

  test('is renewed only by a new approval, which takes its place', async () => {
    const first = await active()
    const second = mustBe(await propose({ renews: first.id, expiresAt: world.clock.now() + 60 * day }))
    assert.equal(await stateOf(first), 'active')
    world.clock.advance(29 * day)
    refused(await approve(second), 'approval.closed')
    const third = mustBe(await propose({ renews: first.id, expiresAt: world.clock.now() + 60 * day }))
    refused(await approve(third, 'ana'), 'approval.own-request')
    const { exception } = mustBe(await approve(third))
    assert.equal(exception?.renewals, 1)
    assert.equal(exception.standingSince, first.approvedAt)
    assert.equal(await stateOf(first), 'ended')
    allowed(await read())
    refused(await propose({ identity: 'meter', owner: 'ben', renews: first.id }, 'ben'), 'input.invalid')
  })

  test('the same is not proposed twice, nor again once it was denied', async () => {
    const same = { expiresAt: world.clock.now() + 20 * day }
    const first = mustBe(await propose(same))
    assert.equal(mustBe(await propose(same)).id, first.id)
    mustBe(await approve(first))
    assert.equal(mustBe(await propose(same)).id, first.id)
    const other = mustBe(await propose({ ...same, reason: 'another' }))
    assert.equal(mustBe(await world.answer('ben', other.id, 'deny')).state, 'denied')
    assert.equal(mustBe(await propose({ ...same, reason: 'another' })).id, other.id)
    refused(await approve(other), 'approval.closed')
  })

  test('is warned of 14, 7 and 1 days before its end, once each', async () => {
    const exception = await active()
    const seen: number[] = []
    for (let passed = 0; passed < 30; passed += 1) {
      await swept()
      await swept()
      world.clock.advance(day)
      const record = await world.desk.store.read((tx) => tx.get('exception', exception.id))
      seen.push(record?.warnedDays ?? 0)
    }
    assert.deepEqual([...new Set(seen)], [0, 14, 7, 1])
    const entries = await ledgerOf('exception.ends-soon', exception.id)
    assert.equal(entries, 3)
  })
  const ledgerOf = async (kind: string, subject: string) => {
    const { readLedger } = await import('../sim/replay.ts')
    return (await readLedger(world.house)).filter((entry) => entry.kind === kind && entry.subject === subject).length
  }

  test('is withdrawn, ended and worked off by those who may', async () => {
    const caller = async (name: string) => world.caller(name)
    const proposed = mustBe(await propose({ identity: 'meter', owner: 'cyd' }, 'the machine'))
    refused(await withdrawException(world.desk, await caller('dan'), proposed.id, 'no'), 'not-found')
    mustBe(await tickStep(world.desk, await caller('cyd'), proposed.id, 0))
    assert.equal(mustBe(await withdrawException(world.desk, await caller('cyd'), proposed.id, 'no need')).state, 'withdrawn')
    const exception = await active({ owner: 'cyd' })
    for (const who of ['dan', 'meter']) refused(await closeByHand(world.desk, await caller(who), exception.id, 'x'), 'not-found')
    refused(await closeByHand(world.desk, await caller('bot'), exception.id, 'x'), 'caller.not-allowed')
    const ended: Result<StandingException> = await closeByHand(
      world.desk,
      await caller('cyd'),
      exception.id,
      'https://tickets.example/OPS-7',
    )
    assert.equal(mustBe(ended).ending?.reason, 'https://tickets.example/OPS-7')
    refusedVerdict(await read(), 'grant.missing')
  })

  test('of the desk opens the desk to who has it, and to nobody else, until its end', async () => {
    const { callerMay } = await import('../../src/control/rights.ts')
    const may = async (who: string) => callerMay(world.desk, await world.caller(who), 'audit').ok
    assert.equal(await may('dan'), false)
    const exception = await active({ identity: 'dan', owner: 'cyd', scope: [], deskActions: ['audit', 'stop'] }, { lines: [0] })
    assert.deepEqual(exception.deskActions, ['audit'])
    assert.equal(await may('dan'), true)
    assert.equal(await may('cyd'), false)
    world.clock.advance(30 * day)
    assert.equal(await may('dan'), false)
  })

  test('of the desk ends when who has it is disabled', async () => {
    const exception = await active({ identity: 'dan', owner: 'cyd', scope: [], deskActions: ['audit'] })
    await configure(world, document({ people: people.map((each) => (each.name === 'dan' ? { ...each, disabled: true } : each)) }))
    await swept()
    assert.equal(await stateOf(exception), 'ended')
  })

  test('a token may name it as it may name a grant, and lives no longer than a day of work', async () => {
    const exception = await active()
    const named = mustBe(await world.exchange('bot', { grant: exception.id, audience: 'urn:remit:main:gateway:http' }))
    assert.equal(named.claims.grant, exception.grant)
    assert.equal(named.expiresAt, world.clock.now() + 8 * hour)
    refused(await world.exchange('meter', { grant: exception.id }), 'grant.missing')
  })

  test('nobody holds a permit without a live grant or exception', async () => {
    const exception = await active()
    allowed(await read())
    // The record behind the permit is gone, however that came to be: the grant alone permits nothing.
    mustBe(
      await world.desk.store.change(async (tx) => {
        await tx.put('exception', { ...exception, state: 'ended' })
        await tx.record({ kind: 'test', actor: 'test', subject: exception.id, facts: {} })
        return { ok: true, value: undefined }
      }),
    )
    refusedVerdict(await read(), 'grant.ended')
  })
})
