/** Worlds on a data folder with keys of its own, as `remit up` opens one, on whichever database. */
import { makeChance } from '../../src/host/chance.ts'
import { openJournalFiles } from '../../src/host/journal-files.ts'
import { mustBe } from '../../src/kernel/result.ts'
import type { DatabasePlace } from '../../src/main/database.ts'
import { journalOf, loadKeys, loadSpaceKeys, openDataFolder } from '../../src/main/data-folder.ts'
import { TestClock } from './clock.ts'
import { testParts, type WorldParts } from './world.ts'

export interface OnDisk {
  readonly place?: DatabasePlace
  readonly clock?: TestClock
}

export async function partsOnDisk(data: string, { place, clock = new TestClock(Date.now()) }: OnDisk = {}): Promise<WorldParts> {
  const folder = await openDataFolder(data)
  const usual = testParts(1, folder.store, clock)
  const [room] = usual.rooms
  const own = mustBe(await loadSpaceKeys(folder.keys, 'main'))
  return {
    ...usual,
    ...(place === undefined ? {} : { place }),
    clock,
    chance: makeChance(),
    keys: mustBe(await loadKeys(folder.keys)),
    rooms: [{ ...room, ...own, journalDisk: (epoch) => openJournalFiles(journalOf(folder, 'main', epoch)) }],
  }
}
