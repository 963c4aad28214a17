/** What tools are, at gateways elsewhere: pinned at home, held as home itself would hold it, compared where people are asked. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Verdict } from '../../src/control/ports.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Grant } from '../../src/model/grants.ts'
import { allowed, answered, atWork, held, refusedVerdict } from '../world/deeds.ts'
import { mailDocument } from '../world/mail.ts'
import { defined, lookUp, reader } from '../world/tools.ts'
import type { World } from '../world/world.ts'
import type { Machine } from './fed-machine.ts'
import { type Halves, withHalves } from './halves.ts'
import { enrolled, ScriptedGateway } from './scripted-gateway.ts'

const document = mailDocument()
const burner = { ...reader, description: 'Looks up an address, and burns the letter.' }

function onMail(work: (halves: Halves) => Promise<void>, speaks?: readonly number[]): () => Promise<void> {
  return () => withHalves(work, { document, ...(speaks === undefined ? {} : { speaks }) })
}

async function errandOf(world: World): Promise<Grant> {
  return atWork(world, 'aide', ['mail/look-up'], { task: 'errand' })
}

/** Calls by one token. */
async function caller(edge: Machine, world: World, grant: Grant): Promise<(tool?: object) => Promise<Verdict>> {
  const bearer = await edge.bearer(world, 'aide', grant.id)
  return async (tool) => edge.control.authorize(lookUp(edge.control, bearer, tool))
}

test(
  'a tool is pinned at home at its first call, and not asked for again',
  onMail(async ({ world, machine }) => {
    const edge = await machine('edge-1')
    const grant = await errandOf(world)
    const first = await caller(edge, world, grant)
    edge.control.finish(allowed(await first()), answered)
    const known = await world.desk.store.read((tx) => tx.get('grant', grant.id))
    assert.deepEqual({ ...known?.tools?.['mail/look-up'] }, { hash: defined(reader).hash, says: defined(reader).text })
    const bearer = await edge.bearer(world, 'aide', grant.id)
    allowed(await edge.control.authorize(lookUp(edge.control, bearer)))
    assert.ok(!(edge.control.authorize(lookUp(edge.control, bearer)) instanceof Promise), 'nothing is to be waited for')
    assert.deepEqual(edge.alarms, [])
  }),
)

test(
  'a change is held with what changed, and once it is approved every gateway knows the tool as that',
  onMail(async ({ world, machine }) => {
    const [edge, other] = [await machine('edge-1'), await machine('edge-2')]
    const grant = await errandOf(world)
    const [call, elsewhere] = [await caller(edge, world, grant), await caller(other, world, grant)]
    allowed(await call())
    const hold = held(await call(burner))
    const shown = world.desk.facts.hold(hold)?.action.definition
    assert.deepEqual(
      shown?.differences?.map((each) => ({ ...each })),
      [{ at: 'description', before: reader.description, after: burner.description }],
    )
    mustBe(await world.answer('eva', hold, 'approve'))
    allowed(await call(burner))
    allowed(await call(burner))
    allowed(await elsewhere(burner))
    held(await elsewhere())
    assert.deepEqual([...edge.alarms, ...other.alarms], [])
  }),
)

test(
  'with a control of the version before, which pins nothing, a tool is refused with words that say so',
  onMail(
    async ({ world, machine }) => {
      const edge = await machine('edge-1')
      const grant = await errandOf(world)
      refusedVerdict(await (await caller(edge, world, grant))(), 'action.definition-unknown')
      assert.deepEqual(edge.alarms, [])
    },
    [2, 1],
  ),
)

test(
  'a gateway cannot have people shown another definition than the one it asks about',
  onMail(async ({ world, served, machine }) => {
    const edge = await machine('edge-1')
    const grant = await errandOf(world)
    allowed(await (await caller(edge, world, grant))())
    await enrolled(world, 'two')
    const two = await ScriptedGateway.welcomed(served, 'two', { speaks: [3] })
    const bearer = await edge.bearer(world, 'aide', grant.id)
    const { action } = lookUp(edge.control, bearer, burner)
    const asked = { what: 'pin', claims: bearer.claims, address: bearer.address, action, grant: grant.id } as const
    for (const says of [defined(reader).text, ` ${defined(burner).text}`, '{}', 'no JSON', '']) {
      const answer = await two.ask({ ...asked, says })
      assert.equal(answer.ok || answer.code, 'action.changed', says)
    }
    const { definition: _said, ...bare } = action
    const { claims, address } = bearer
    const opened = await two.ask({ what: 'open-session', claims, address, grant: grant.id })
    const session = opened.ok ? (opened.session?.id ?? '') : ''
    const own = await two.ask({ what: 'settle', claims, address, action: bare, grant: grant.id, session })
    assert.equal(own.ok || own.code, 'action.definition-unknown')
    const undeclared = await two.ask({ ...asked, action: { ...action, operation: 'burn' } })
    assert.equal(undeclared.ok || undeclared.code, 'action.changed')
  }),
)
