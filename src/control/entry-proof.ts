/** One entry with all that proves it, for whoever may audit: body, salt, leaf, path and the newest head that witnesses cosigned. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { writeProof } from '../ledger/proof-file.ts'
import type { Hash } from '../ledger/tree.ts'
import { type Caller, type Desk } from './desk.ts'
import { exportedLeaf } from './export-ledger.ts'
import type { Ledger } from './ledger.ts'
import { callerMay } from './rights.ts'

/** The text of the proof (C2SP tlog-proof). Refuses `not-found` where the log has no such entry; one of another space is proved without its body. */
export async function proveEntry(desk: Desk, ledger: Ledger, caller: Caller, index: number): Promise<Result<string>> {
  const may = callerMay(desk, caller, 'audit')
  if (!may.ok) return may
  const head = await ledger.sequencer.head()
  if (!head.ok) return head
  if (index >= head.value.size) return refuse('not-found', { detail: `the ledger has ${head.value.size} entries` })
  await ledger.witness()
  // Asked again: the head now has the signatures that were just brought, or there is a newer one.
  const { size, checkpoint } = await desk.log.tree()
  const [row] = await desk.log.leaves(index, 1)
  if (row?.index !== index) return refuse('ledger.damaged', { detail: `leaf ${index} is missing in the store` })
  const { withheld: _, ...leaf } = exportedLeaf(row, desk.space)
  return done(writeProof({ leaf, path: await ledger.tree.inclusion(index, size), checkpoint }))
}

/** That the tree of the first `first` entries is the beginning of that of `second`. Shows hashes only, so anybody may ask. */
export async function proveConsistency(ledger: Ledger, first: number, second: number): Promise<Result<readonly Hash[]>> {
  const head = await ledger.sequencer.head()
  if (!head.ok) return head
  if (first > second || second > head.value.size) return refuse('not-found', { detail: `the ledger has ${head.value.size} entries` })
  return done(await ledger.tree.consistency(first, second))
}
