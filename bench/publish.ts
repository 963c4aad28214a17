/** What it costs to replace a thousand policies, on a file: how long it takes beside one check of them, and the longest that it keeps everything else waiting. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { performance, PerformanceObserver } from 'node:perf_hooks'
import { cedarSchema } from '../src/decision/schema.ts'
import { schemaWorld } from '../src/decision/world.ts'
import type { JsonObject } from '../src/kernel/json.ts'
import { configure } from '../test/world/configure.ts'
import { shopDocument, shopPolicies } from '../test/world/shop.ts'
import type { World } from '../test/world/world.ts'
import { open, type Pause, pauseOf } from './scale.ts'

export interface Publishes {
  readonly policies: number
  /** The process of Cedar's validator alone, asked about as many policies that it has not seen. */
  readonly checkMs: number
  /** The first since the start adds them; every later one replaces all of them. Proposed, and signed by everybody it takes. */
  readonly first: Published
  readonly later: readonly Published[]
}

export interface Published extends Pause {
  /** Garbage collections that kept everything waiting for longer than 4 ms, on the wall. */
  readonly collections: readonly number[]
}

const many = 1_000
const rounds = 5
const roles = ['sre', 'release-manager', 'operators', 'auditors'] as const
const longCollectionMs = 4

if (import.meta.main) {
  const alive = setInterval(() => undefined, 60_000)
  process.stdout.write(`${JSON.stringify(await measurePublishes(), undefined, 1)}\n`)
  clearInterval(alive)
}

export async function measurePublishes(): Promise<Publishes> {
  const folder = await mkdtemp(join(tmpdir(), 'remit-publish-'))
  const world = await open(4, join(folder, 'remit.db'))
  try {
    const first = await published(world, 0)
    const later: Published[] = []
    for (let round = 1; round <= rounds; round += 1) later.push(await published(world, round))
    return { policies: many, checkMs: await checkAlone(world), first, later }
  } finally {
    await world.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function published(world: World, round: number): Promise<Published> {
  const collections: number[] = []
  const observer = new PerformanceObserver((list) => {
    for (const { duration } of list.getEntries()) if (duration > longCollectionMs) collections.push(duration)
  })
  observer.observe({ entryTypes: ['gc'] })
  const document = withPolicies(round)
  const pause = await pauseOf(world, () => configure(world, document))
  await new Promise((resolve) => setImmediate(resolve))
  observer.disconnect()
  return { ...pause, collections }
}

function withPolicies(round: number): JsonObject {
  return shopDocument({
    policyFiles: [
      { name: 'shop.cedar', text: shopPolicies },
      { name: 'many.cedar', text: textOf(round) },
    ],
  })
}

function textOf(round: number): string {
  return Array.from(
    { length: many },
    (_, place) => `@id("never-${place}")
forbid (principal in Role::"${roles[place % roles.length]}", action in Effect::Action::"administer", resource in Service::"shop")
when { context.task.kind == "kind-${place}-${round}" && context.time > datetime("2030-01-01") };`,
  ).join('\n')
}

/** With a process that is there already, as it is within two seconds of the check before. */
async function checkAlone({ desk }: World): Promise<number> {
  const { checker, facts, shipped } = desk
  const schema = cedarSchema(schemaWorld(facts.services(), facts.issuers()))
  await checker.check(shipped, schema)
  const began = performance.now()
  const checked = await checker.check([...shipped, { name: 'many.cedar', text: textOf(-1) }], schema)
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems[0]))
  return performance.now() - began
}
