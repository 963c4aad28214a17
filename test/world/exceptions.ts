/** What tests of exceptions do again and again: propose, approve, act under one, and begin again without any. */
import assert from 'node:assert/strict'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { endException, type ExceptionInput, proposeException } from '../../src/control/exceptions.ts'
import { release } from '../../src/control/quarantine.ts'
import { sweep } from '../../src/control/sweep.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { Narrowing } from '../../src/model/grants.ts'
import type { StandingException } from '../../src/model/identities.ts'
import { document } from './approvers.ts'
import { act, configure, hour } from './deeds.ts'
import type { World } from './world.ts'

export const day = 24 * hour

/** Deeds in a world that is opened later than they are made. */
export function exceptionDeeds(world: () => World) {
  const input = (more: Partial<ExceptionInput> = {}): ExceptionInput => ({
    identity: 'bot',
    owner: 'ana',
    scope: ['read:shop'],
    reason: 'the old batch cannot ask',
    remediation: ['teach it to ask'],
    expiresAt: world().clock.now() + 30 * day,
    ...more,
  })
  const propose = async (more: Partial<ExceptionInput> = {}, by = 'ana') =>
    proposeException(world().desk, by === 'the machine' ? { machine: by } : await world().caller(by), input(more))
  const approve = async (exception: StandingException, by = 'ben', narrowing: Narrowing = {}) =>
    world().answer(by, exception.id, 'approve', narrowing)
  return {
    propose,
    approve,
    async active(more: Partial<ExceptionInput> = {}, narrowing: Narrowing = {}): Promise<StandingException> {
      const { exception } = mustBe(await approve(mustBe(await propose(more, 'the machine')), 'ben', narrowing))
      assert.ok(exception)
      return exception
    },
    swept: () => sweep(world().desk, world().house.gate.activity),
    stateOf: async ({ id }: StandingException) => (await world().desk.store.read((tx) => tx.get('exception', id)))?.state,
    read: (who = 'bot') => act(world(), who, undefined, 'list-incidents'),
    /** Everybody is let out, every exception but the first administrator's has ended, and every grant. */
    async again(): Promise<void> {
      const { desk } = world()
      await configure(world(), document())
      const ben = () => world().caller('ben')
      for (const { name, quarantine } of [...desk.facts.identities()])
        if (quarantine !== undefined) mustBe(await release(desk, await ben(), name, 'again'))
      const open = [...desk.facts.exceptions()].filter((each) => each.identity !== world().person('ana').id)
      mustBe(
        await desk.store.change(async (tx) => {
          for (const each of open) await endException(tx, each, { how: 'closed', by: 'test', reason: 'again' })
          return { ok: true, value: undefined }
        }),
      )
      for (const grant of [...desk.facts.openGrants()]) mustBe(await revokeGrant(desk, await ben(), grant.id, 'again'))
    },
  }
}
