/** The gateway's half of the feed, held against a control that freezes or falls silent, and against clocks that jump. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { leaseMs, renewEveryMs } from '../../src/feed/messages.ts'
import { policyJson } from '../oracle/policy-json.ts'
import { refused } from '../world/deeds.ts'
import type { Machine } from './fed-machine.ts'
import { greeted, leased, lets, tier3 } from './greeted.ts'
import { changes, noSnapshot, welcome } from './scripted-control.ts'
import { settled } from './scripted-gateway.ts'

const identity = { type: 'record', kind: 'identity' } as const

// --- Leases -------------------------------------------------------------------------------------------------------------

test('a lease counts from the sending of its renewal, and everything is cut when it is over', () =>
  leased(async ({ machine, link }) => {
    const { monotonic } = machine.clock
    await machine.advance(leaseMs - 50)
    assert.ok(lets(machine).ok)
    assert.equal(machine.cuts.length, 0)
    const end = monotonic() + 50
    await machine.advance(100)
    assert.deepEqual(
      machine.cuts.map(({ reason }) => reason),
      ['control was lost'],
    )
    assert.ok((machine.cuts[0]?.at ?? 0) - end <= 100)
    refused(lets(machine), 'control.unreachable')
    assert.equal(link.all('renew').length >= 4, true, 'it went on asking')
  }))

test('the answer of a control node that was frozen lengthens nothing', () =>
  leased(async ({ machine, link }) => {
    await machine.advance(renewEveryMs)
    const { n } = link.last('renew')
    await machine.advance(3_900)
    await link.say({ type: 'lease', n, now: 0, disputed: false })
    await machine.advance(1_050)
    assert.ok(lets(machine).ok, 'a second longer, because it was asked for a second later')
    await machine.advance(100)
    refused(lets(machine), 'control.unreachable')
    assert.equal(machine.cuts.length, 1)
  }))

for (const { says, jump } of [
  { says: 'the wall clock jumps an hour ahead', jump: (machine: Machine) => machine.clock.jumpWall(3_600_000) },
  { says: 'the wall clock jumps an hour back', jump: (machine: Machine) => machine.clock.jumpWall(-3_600_000) },
  { says: 'the monotonic clock jumps an hour ahead', jump: (machine: Machine) => machine.clock.jumpMonotonic(3_600_000) },
  { says: 'the monotonic clock jumps an hour back', jump: (machine: Machine) => machine.clock.jumpMonotonic(-3_600_000) },
  {
    says: 'the machine was asleep, so that both have jumped',
    jump: (machine: Machine) => {
      machine.clock.jumpWall(3_600_000)
      machine.clock.jumpMonotonic(3_600_000)
    },
  },
])
  test(`${says}: the lease is over at once, what is under way is cut, and work goes on with the next lease`, () =>
    leased(async ({ machine, link, control }) => {
      await machine.advance(200)
      jump(machine)
      assert.ok(!lets(machine).ok)
      await machine.advance(100)
      assert.equal(machine.cuts.length, 1)
      if (link.closed !== undefined) {
        await machine.advance(300)
        await control.link.say(welcome(machine.clock, { resumes: true }))
      }
      await control.link.lease()
      assert.ok(lets(machine).ok)
    }))

test('a wall clock that is set back a little does not lengthen a lease', () =>
  leased(async ({ machine }) => {
    await machine.advance(3_000)
    machine.clock.jumpWall(-2_900)
    await machine.advance(2_100)
    refused(lets(machine), 'control.unreachable')
  }))

test('control may give less than is known here, and never more', () =>
  greeted(async ({ machine, link }) => {
    await link.say(welcome(machine.clock, { leaseMs: 2_000 }), noSnapshot)
    await link.lease()
    assert.ok(lets(machine).ok)
    await machine.advance(2_000)
    assert.ok(!lets(machine).ok)
  }))

test('control that gives an hour gives five seconds', () =>
  greeted(async ({ machine, link }) => {
    await link.say(welcome(machine.clock, { leaseMs: 3_600_000 }), noSnapshot)
    await link.lease()
    await machine.advance(leaseMs)
    assert.ok(!lets(machine).ok)
  }))

// --- By tier ------------------------------------------------------------------------------------------------------------

test('a change of tier 3 stops with the link, or two renewals without an answer; the others go on to the end of the lease', () =>
  leased(async ({ machine, link }) => {
    assert.ok(lets(machine, tier3).ok)
    await machine.advance(2 * renewEveryMs + 50)
    refused(lets(machine, tier3), 'control.unreachable')
    assert.ok(lets(machine).ok)
    assert.ok(machine.fed.gate.home.lets({ tier: 3, effect: 'read' }).ok)
    await link.lease()
    assert.ok(lets(machine, tier3).ok)
    await link.close()
    refused(lets(machine, tier3), 'control.unreachable')
    assert.ok(lets(machine).ok)
  }))

test('a refusal says since when control was not heard', () =>
  leased(async ({ machine, control, link }) => {
    control.isReachable = false
    await link.close()
    await machine.advance(leaseMs)
    const told = lets(machine)
    assert.match(told.ok ? '' : (told.refusal.detail ?? ''), /^control was last heard at 2030-01-01T00:00:00\.000Z$/)
  }))

test('a disputed ledger lets nothing through, and says so', () =>
  leased(async ({ machine, link }) => {
    await machine.advance(renewEveryMs)
    await link.lease({ disputed: true })
    refused(lets(machine), 'ledger.disputed')
    await machine.advance(renewEveryMs)
    await link.lease()
    assert.ok(lets(machine).ok)
  }))

// --- Links --------------------------------------------------------------------------------------------------------------

test('a link that is lost in the middle of a snapshot leaves what was known before, and the next one begins anew', () =>
  leased(async ({ machine, link, control }) => {
    await link.close()
    await machine.advance(300)
    await control.link.say(welcome(machine.clock))
    refused(lets(machine), 'gateway.catching-up')
    await control.link.say({ ...identity, record: { id: 'idn_01J00000000000000000000000', space: 'main', strange: true } })
    await control.link.close()
    assert.ok(lets(machine).ok, 'the lease of before still runs, over the facts of before')
    assert.equal([...machine.fed.gate.facts.notUnderstood.all()].length, 0)
    await machine.advance(300)
    assert.deepEqual(control.link.last('hello').has, { epoch: 1, version: 10, from: 'scripted' })
    await control.link.say(welcome(machine.clock), { ...noSnapshot, version: 12 })
    await control.link.lease()
    assert.ok(lets(machine).ok)
    assert.equal(machine.fed.gate.facts.version, 12)
  }))

test('whoever comes back after its lease serves nothing before it has caught up', () =>
  leased(async ({ machine, link, control }) => {
    control.isReachable = false
    await link.close()
    await machine.advance(leaseMs + 500)
    refused(lets(machine), 'control.unreachable')
    control.isReachable = true
    await machine.advance(6_000)
    await control.link.say(welcome(machine.clock, { resumes: true }))
    refused(lets(machine), 'gateway.catching-up')
    await control.link.say(changes)
    refused(lets(machine), 'gateway.catching-up')
    await control.link.lease()
    assert.ok(lets(machine).ok)
  }))

test('a control node that answers nothing is left for another', () =>
  leased(async ({ machine, control }) => {
    await machine.advance(leaseMs + 1_000)
    assert.ok(control.links.length > 1)
    assert.match(machine.fed.state().lastEnd ?? '', /silent|no lease/)
  }))

test('control that cannot be reached is dialled ever less often, and never at one beat', () =>
  greeted(async ({ machine, control, link }) => {
    control.isReachable = false
    await link.close()
    const before = control.dials
    await machine.advance(60_000)
    const dials = control.dials - before
    assert.ok(dials >= 10 && dials <= 40, `${dials} in a minute`)
  }))

test('links that break as soon as they are made do not make a storm', () =>
  greeted(async ({ machine, control }) => {
    const before = control.dials
    for (let second = 0; second < 30; second += 1) {
      await control.link.close()
      await machine.advance(1_000)
    }
    assert.ok(control.dials - before <= 20, `${control.dials - before} in half a minute`)
  }))

test('a dial that answers too late is closed', () =>
  greeted(async ({ machine, link, control }) => {
    const { dial } = control
    let answer: () => void = () => undefined
    machine.dial = async () => {
      await new Promise<void>((resolve) => {
        answer = resolve
      })
      return dial()
    }
    await link.close()
    await machine.advance(300)
    const late = answer
    machine.dial = dial
    await machine.advance(16_000)
    const [, next] = control.links
    assert.equal(next?.closed, undefined)
    late()
    await settled()
    assert.equal(control.links.at(-1)?.closed, 'it came too late')
    assert.equal(next?.closed, undefined)
  }))

// --- Asking -------------------------------------------------------------------------------------------------------------

test('an answer that does not come is a no after five seconds, and what comes after it is nobody’s', () =>
  leased(async ({ machine, link }) => {
    let told: string | undefined
    void machine.fed.gate.home.exhausted('grn_01J00000000000000000000000').finally(() => {
      told = 'over'
    })
    for (let second = 0; second < 4; second += 1) {
      await machine.advance(1_000)
      await link.lease()
    }
    assert.equal(told, undefined)
    await machine.advance(1_000)
    assert.equal(told, 'over')
    await link.lease()
    const { id } = link.last('ask')
    await link.say({ type: 'answer', id, answer: { ok: true } })
    assert.equal(link.closed, undefined, 'late is not wrong')
    await link.say({ type: 'answer', id, answer: { ok: true } })
    assert.notEqual(link.closed, undefined, 'twice is')
  }))

test('what waits for an answer is refused when the link ends', () =>
  leased(async ({ machine, link }) => {
    const asked = machine.fed.renewCertificate('request')
    await link.close()
    refused(await asked, 'control.unreachable')
    refused(await machine.fed.renewCertificate('request'), 'control.unreachable')
  }))

test('an answer that brings something that is not known is a no, and the link goes on', () =>
  leased(async ({ machine, link }) => {
    const asked = machine.fed.renewCertificate('request')
    await settled()
    await link.say({ type: 'answer', id: link.last('ask').id, answer: { ok: true, certificate: 'x', only: 'mornings' } })
    refused(await asked, 'grant.not-understood')
    assert.equal(link.closed, undefined)
  }))

// --- Drills, journal, stopping ---------------------------------------------------------------------------------------------

test('a drill cuts a canary as a revocation would, and nothing else', () =>
  leased(async ({ machine, link }) => {
    await link.say({ type: 'drill', n: 7 })
    assert.deepEqual(link.all('drilled'), [{ type: 'drilled', n: 7 }])
    assert.deepEqual(machine.cuts, [])
  }))

test('a stream that cannot be cut is no stream that was cut: nothing is confirmed, everything stops, and the facts are asked for anew', () =>
  leased(async ({ machine, link, control }) => {
    machine.fed.gate.facts.onChange(() => {
      throw new Error('the socket is gone')
    })
    const grant = 'grn_01J00000000000000000000000'
    const uses = { id: `${grant}/0`, space: 'main', grant, line: 0, spent: 1 }
    await link.say({ ...changes, changes: [{ kind: 'uses', id: uses.id, record: uses }] })
    assert.deepEqual(
      link.all('applied').map(({ version }) => version),
      [10],
    )
    assert.deepEqual(
      machine.cuts.map(({ reason }) => reason),
      ['a change could not be applied'],
    )
    assert.ok(!lets(machine).ok)
    await machine.advance(300)
    assert.equal(control.link.last('hello').has, undefined)
  }))

test('what was done is anchored within a second, and again over the next link', () =>
  leased(async ({ machine, link, control }) => {
    await machine.journal.append({ at: 0, type: 'try' }, 'durable')
    await machine.advance(600)
    const { n, hash } = link.last('anchor')
    const head = machine.journal.head()
    assert.deepEqual([n, hash], [head.n, Buffer.from(head.hash).toString('hex')])
    await link.close()
    await machine.advance(300)
    await control.link.say(welcome(machine.clock, { resumes: true }))
    await machine.advance(600)
    assert.ok(control.link.last('anchor').n >= n)
  }))

test('losing control and finding it again stand in the journal', () =>
  leased(async ({ machine, link, control }) => {
    await link.close()
    control.isReachable = false
    await machine.advance(leaseMs + 100)
    control.isReachable = true
    await machine.advance(6_000)
    await control.link.say(welcome(machine.clock, { resumes: true }))
    await control.link.lease()
    await machine.journal.flush()
    const types: unknown[] = []
    for await (const line of machine.journal.read()) types.push((JSON.parse(line) as { type: string }).type)
    assert.deepEqual(
      types.filter((type) => type !== 'seal'),
      ['control.back', 'control.lost', 'control.back'],
    )
  }))

test('when it closes, everything is cut and nothing goes through', () =>
  leased(async ({ machine, link, control }) => {
    const { dials } = control
    await machine.fed.close()
    assert.equal(machine.cuts.length, 1)
    refused(lets(machine), 'control.unreachable')
    await settled()
    assert.notEqual(link.closed, undefined)
    await machine.advance(10_000)
    assert.equal(control.dials, dials)
  }))

test('time is never before what control said, and goes on from there', () =>
  greeted(async ({ machine, link }) => {
    const ahead = machine.clock.now() + 600_000
    await link.say(welcome(machine.clock, { now: ahead }))
    assert.equal(machine.fed.clock.now(), ahead)
    machine.clock.jumpWall(-3_600_000)
    await machine.advance(1_000)
    assert.equal(machine.fed.clock.now(), ahead + 1_000)
  }))

// --- Policies -----------------------------------------------------------------------------------------------------------

for (const [says, count] of [
  ['', 1],
  [', a long message of policies too', 400],
] as const)
  test(`what control says while policies are read waits, and everything is applied in its order${says}`, () =>
    leased(async ({ machine, link }) => {
      const texts = Array.from(
        { length: count },
        (_, place) => `@id("never-${place}") forbid (principal, action in Effect::Action::"any", resource);`,
      )
      const files = [{ name: 'a.cedar', text: texts.join('\n') }]
      const parsed = texts.map((text, line) => ({ file: 'a.cedar', line, text, json: policyJson(text) }))
      const record = { id: 'current', space: 'main', version: 'v', files, parsed, publishedAt: 0, publishedBy: 'ana' }
      const began = link.all('applied').length
      await link.say(
        { ...changes, changes: [{ kind: 'policySet', id: 'current', record }] },
        { ...changes, after: 11, version: 12 },
        { ...changes, after: 12, version: 13 },
      )
      assert.deepEqual(
        link
          .all('applied')
          .slice(began)
          .map(({ version }) => version),
        [11, 12, 13],
      )
      assert.deepEqual(
        machine.fed.gate.facts.rules?.guardrails.policies.map(({ id }) => id),
        texts.map((_, place) => `never-${place}`),
      )
      assert.equal(link.closed, undefined)
      assert.ok(lets(machine).ok)
    }))
