/** A change-set in a process that is killed outright: in force whole or not at all, and what was acknowledged is in force. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { writeSync } from 'node:fs'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import test from 'node:test'
import { openJournalFiles } from '../../src/host/journal-files.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { openDataFolder } from '../../src/main/data-folder.ts'
import { seededChance } from '../world/chance.ts'
import { TestClock } from '../world/clock.ts'
import { operator, propose } from '../world/configure.ts'
import { asDocument } from '../world/shop.ts'
import { openWorldOf, reopenWorld, testParts, type WorldParts } from '../world/world.ts'

const rounds = 4
const people = [{ name: 'ana' }, { name: 'ben' }]
const base = (more: Readonly<Record<string, unknown>> = {}) => asDocument({ version: 1, people, roles: { sre: ['ana', 'ben'] }, ...more })

async function partsOf(path: string, chance: number): Promise<WorldParts> {
  const folder = await openDataFolder(path)
  const clock = new TestClock(Date.now())
  const parts = testParts(1, folder.store, clock)
  const [room] = parts.rooms
  return { ...parts, clock, chance: seededChance(chance), rooms: [{ ...room, journalDisk: () => openJournalFiles(folder.journal) }] }
}

/** Two people at a time, and a policy for them: proposed, signed twice, said when it is in force. */
async function runChild(path: string, round: number): Promise<void> {
  const saved = (await readFile(join(path, 'saved'), 'utf8')).replaceAll(/\\"counter\\":\d+/g, `\\"counter\\":${round * 100_000}`)
  const world = await reopenWorld(await partsOf(path, round), saved)
  for (let number = 0; ; number += 1) {
    const name = `r${round}n${number}`
    const pair = [{ name: `${name}-one` }, { name: `${name}-two` }]
    const text = `${pair.map((each) => `@id("${each.name}-asks") permit (principal == Human::"${each.name}", action == Action::"request", resource);`).join('\n')}\n`
    const set = await propose(world, operator, {
      document: base({ people: [...people, ...pair], policyFiles: [{ name: 'new.cedar', text }] }),
    })
    writeSync(1, `proposed ${set.id} ${name}\n`)
    mustBe(await world.answer('ana', set.id, 'approve'))
    mustBe(await world.answer('ben', set.id, 'approve'))
    writeSync(1, `applied ${set.id} ${name}\n`)
  }
}

const [, , role, path = '', round = '0'] = process.argv
if (role === 'live') await runChild(path, Number(round))
else {
  test(`killed outright ${rounds} times while people sign, nothing is in force by halves`, async (context) => {
    const folder = await mkdtemp(join(tmpdir(), 'remit-change-crash-'))
    context.after(() => rm(folder, { recursive: true }))
    const first = await openWorldOf(await partsOf(folder, 500), base())
    await writeFile(join(folder, 'saved'), first.save(), { mode: 0o600 })
    await first.close()
    let seen = 0
    for (let number = 1; number <= rounds; number += 1) {
      const child = spawn(process.execPath, [import.meta.filename, 'live', folder, String(number)], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      const exited = once(child, 'exit')
      const acknowledged: string[][] = []
      for await (const line of createInterface(child.stdout)) {
        if (!child.killed) acknowledged.push(line.split(' '))
        // A little after a line: at another place between the signatures each time.
        if (acknowledged.length === number * 2 - 1) setTimeout(() => child.kill('SIGKILL'), number * 3)
      }
      await exited
      const world = await reopenWorld(await partsOf(folder, 1_000 + number), await readFile(join(folder, 'saved'), 'utf8'))
      mustBe(await world.house.sequencer.flush())
      const { size } = await world.house.database.tree()
      const applied = (await world.house.database.leaves(0, size)).filter((leaf) => leaf.body?.includes('"configuration.applied"'))
      const inForce = new Set([...world.desk.facts.identities()].map(({ name }) => name))
      for (const [state, id = '', name] of acknowledged) {
        const set = await world.desk.store.read((tx) => tx.get('changeSet', id))
        const isApplied = set?.state === 'applied'
        assert.ok(isApplied || state === 'proposed', `${name} was acknowledged as applied`)
        assert.deepEqual([inForce.has(`${name}-one`), inForce.has(`${name}-two`)], [isApplied, isApplied], `${name}: both or neither`)
        assert.equal(
          applied.some((leaf) => leaf.body?.includes(id)),
          isApplied,
          `${name}: the ledger says so`,
        )
        seen += 1
      }
      const last = acknowledged.findLast(([state]) => state === 'applied')
      if (last !== undefined) assert.ok(world.desk.facts.policies?.files.some(({ text }) => text.includes('-asks')))
      await world.close()
    }
    assert.ok(seen >= rounds)
  })
}
