/** Whoever has read what anybody may have written may ask, and is never answered by policy alone. */
import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { activateGrant, extendGrant } from '../../src/control/work-window.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Grant } from '../../src/model/grants.ts'
import { act, allowed, ask, minute, refused, start } from '../world/deeds.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorld, type World } from '../world/world.ts'

async function told(world: World, { id }: Grant): Promise<string> {
  const { size } = await world.house.database.tree()
  const all = [...(await world.house.database.leaves(Math.max(0, size - 200), 200)), ...(await world.house.database.outbox(200))]
  return all.map(({ body = '' }) => body).find((body) => body.includes('"grant.requested"') && body.includes(id)) ?? ''
}

describe('a request after untrusted results', () => {
  let world: World
  before(async () => {
    const { roles, ...rest } = shopDocument()
    // Somebody who may approve, whom no policy names for this.
    world = await openWorld({
      document: shopDocument({ ...rest, roles: { ...(roles as object), approvers: ['eva'], operators: ['ben'] } }),
    })
  })
  after(() => world.close())

  test('waits for a person where policy gives it to anybody else at once, and the ledger says why', async () => {
    const plain = mustBe(await ask(world, 'aide', ['read:shop']))
    assert.equal(plain.state, 'approved')
    assert.equal((await told(world, plain)).includes('untrusted'), false)
    const grant = mustBe(await ask(world, 'aide', ['read:shop'], { untrusted: true }))
    assert.deepEqual([grant.state, grant.untrusted, grant.requirement.personsMin], ['pending', true, 1])
    assert.notEqual(grant.digest, plain.digest)
    assert.match(await told(world, grant), /"untrusted":true/)
    refused(await activateGrant(world.desk, await world.caller('aide'), grant.id), 'grant.wrong-state')
    mustBe(await world.answer('eva', grant.id, 'approve'))
    const active = await start(world, 'aide', grant.id)
    allowed(await act(world, 'aide', active, 'list-incidents'))
    // More time is asked for like the first of it.
    const more = mustBe(await extendGrant(world.desk, await world.caller('aide'), active.id, { milliseconds: minute, reason: 'more' }))
    assert.deepEqual([more.state, more.continues, more.untrusted], ['pending', active.id, true])
  })

  test('is refused where nobody may approve it', async () => {
    const { roles, ...rest } = shopDocument()
    const machines = Object.keys(roles as object).map((role) => [role, ['aide', 'ana']])
    const identities = [{ name: 'aide', kind: 'ai-agent', owner: 'ana' }]
    const document = shopDocument({ ...rest, people: [{ name: 'ana' }], roles: Object.fromEntries(machines), identities })
    // One person alone, who asks: nobody approves what they ask for themselves.
    const alone = await openWorld({ document })
    assert.equal(mustBe(await ask(alone, 'ana', ['read:shop'])).state, 'approved')
    const asked = await ask(alone, 'ana', ['read:shop'], { untrusted: true })
    assert.equal(asked.ok ? asked.value.state : asked.refusal.code, 'request.untrusted')
    await alone.close()
  })
})
