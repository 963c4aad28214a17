/** The journals that this process can open: of its own gateways, and of the epochs before this one. */
import type { ReplaySource } from '../control/replay.ts'
import type { ApiParts } from './parts.ts'

export function replaySources({ journals, earlierJournals = [] }: Pick<ApiParts, 'journals' | 'earlierJournals'>): readonly ReplaySource[] {
  const own = journals.map((journal) => ({
    name: journal.name,
    open: async () => {
      await journal.flush()
      return { disk: journal.disk, close: () => Promise.resolve() }
    },
  }))
  const earlier = earlierJournals.map(({ name, openDisk }) => ({
    name,
    open: async () => {
      const disk = await openDisk()
      return { disk, close: () => disk.close() }
    },
  }))
  return [...own, ...earlier.toReversed()]
}
