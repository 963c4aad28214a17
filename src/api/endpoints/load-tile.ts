/** GET /ledger/tile/…: hashes of the ledger's tree, and its leaves, as C2SP tlog-tiles serves them. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { endpoint } from '../endpoint.ts'

export const loadTile = endpoint({
  says: "a tile of the ledger's tree, or a bundle of its leaves, which show nothing of the entries (C2SP tlog-tiles)",
  method: 'GET',
  path: '/ledger/tile/:level/*',
  caller: 'nobody',
  // A stranger reads a log of a million entries, tiles and bundles, in a few minutes.
  perMinuteMax: 3_000,
  records: { nothing: 'a leaf commits to its entry and shows nothing of it' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({ level: z.string().max(7), '*': z.string().max(64) }),
  run: async (api, { level, '*': rest }) => {
    const tile = await api.ledger.tree.tile(`${level}/${rest}`)
    // Bundles should be packed on their way; hashes cannot be made smaller.
    const isGzipped = level === 'entries'
    return tile.ok ? done({ kind: 'bytes', type: 'application/octet-stream', bytes: tile.value, isForEver: true, isGzipped }) : tile
  },
})
