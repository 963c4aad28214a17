/** What a change-set costs in a house of 100,000 identities, on a file: how long it takes, and the longest that it keeps everything else waiting. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JsonObject } from '../src/kernel/json.ts'
import { proposeChange } from '../src/control/change-sets.ts'
import { done, mustBe } from '../src/kernel/result.ts'
import { asDocument } from '../test/world/shop.ts'
import type { World } from '../test/world/world.ts'
import { fill, open, type Pause, pauseOf } from './scale.ts'

export interface LargeChanges {
  readonly identities: number
  /** The first of all, which reads everybody once; other policies; a thousand identities that lose a role; as many as one change may change. */
  readonly first: Pause
  readonly policies: Pause
  readonly thousand: Pause
  readonly most: Pause
  /** One more than that, until it is refused. */
  readonly tooMany: Pause
}

/** As many as a change-set takes. */
const most = 10_000

if (import.meta.main) {
  const alive = setInterval(() => undefined, 60_000)
  process.stdout.write(`${JSON.stringify(await measureLargeChanges(), undefined, 1)}\n`)
  clearInterval(alive)
}

export async function measureLargeChanges(identities = 100_000): Promise<LargeChanges> {
  const folder = await mkdtemp(join(tmpdir(), 'remit-large-'))
  const world = await open(3, join(folder, 'remit.db'))
  try {
    await fill(world, identities, 100)
    // Roles of its own for each, so that none of them moves a live grant.
    await give(world, 'pilots', 0, 1_000)
    await give(world, 'drivers', 1_000, most)
    await give(world, 'walkers', 1_000 + most, most + 1)
    await world.house.sequencer.flush()
    const first = await pauseOf(world, () => change(world, withPolicy('one')))
    const policies = await pauseOf(world, () => change(world, withPolicy('two')))
    const thousand = await pauseOf(world, () => change(world, withoutRole('pilots')))
    const all = await pauseOf(world, () => change(world, withoutRole('drivers')))
    const tooMany = await pauseOf(world, () => refused(world, withoutRole('walkers')))
    await world.house.sequencer.flush()
    return { identities, first, policies, thousand, most: all, tooMany }
  } finally {
    await world.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function change(world: World, part: object): Promise<void> {
  const document: JsonObject = asDocument({ version: 1, space: 'main', ...part })
  const proposed = mustBe(await proposeChange(world.desk, await world.caller('ana'), { document }))
  if (proposed.changeSet?.state !== 'applied') throw new Error(JSON.stringify(proposed.plan).slice(0, 2_000))
}

async function refused(world: World, part: object): Promise<void> {
  const proposed = await proposeChange(world.desk, await world.caller('ana'), {
    document: asDocument({ version: 1, space: 'main', ...part }),
  })
  if (proposed.ok) throw new Error('it changes more identities than one change may')
}

/** Another guardrail, which narrows. */
function withPolicy(name: string): object {
  const text = `@id("never-${name}") forbid (principal is ApiClient, action == Action::"http:shop/wipe", resource);`
  return { policyFiles: [{ name: `${name}.cedar`, text }] }
}

/** A role that so many have, counted from the end, given past everything that people sign. */
async function give(world: World, role: string, after: number, count: number): Promise<void> {
  const { desk } = world
  const some = [...desk.facts.identities()].filter((each) => each.kind !== 'human').slice(-after - count, after === 0 ? undefined : -after)
  for (let from = 0; from < some.length; from += 1_000) {
    mustBe(
      await desk.store.change(async (tx) => {
        for (const identity of some.slice(from, from + 1_000)) await tx.put('identity', { ...identity, roles: [...identity.roles, role] })
        await tx.record({ kind: 'bench.filled', actor: 'bench', subject: 'bench', facts: { from } })
        return done(undefined)
      }),
    )
  }
}

function withoutRole(role: string): object {
  return { roles: { [role]: [] } }
}
