/** Epochs of a store: which one it is in, how the next begins, and how the ledger goes on under a name of its own. */
import { isJsonObject, parseJson, canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { openCheckpoint, signCheckpoint } from '../ledger/checkpoint.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import type { Desk } from './desk.ts'
import { beginEpoch, type EpochStart } from './new-epoch.ts'
import type { Database, Signer } from './ports.ts'

const epochKey = 'epoch'
const settledKey = (space: string): string => `epoch/${space}`

/** The epoch a store is in, and what began it; the first has no beginning. */
export interface Epoch {
  readonly number: number
  readonly start?: EpochStart
}

export async function currentEpoch(database: Pick<Database, 'meta'>): Promise<Epoch> {
  const text = await database.meta(epochKey)
  if (text === undefined) return { number: 1 }
  const start = readStart(text)
  // Guessed, it could be the first: then what a restore brought back would be served.
  if (start === undefined) throw new Error('the store does not say readably which epoch it is in')
  return { number: start.epoch, start }
}

/** Writes that the next epoch begins; every space comes to its own when it is opened next, before it serves anything. */
export async function startEpoch(
  database: Pick<Database, 'meta' | 'setMeta' | 'tree'>,
  why: Omit<EpochStart, 'epoch' | 'size'>,
): Promise<EpochStart> {
  const { number } = await currentEpoch(database)
  const start = { ...why, epoch: number + 1, size: (await database.tree()).size }
  await database.setMeta(epochKey, canonicalJson({ ...start }))
  return start
}

/** Ends in one space what is of an earlier epoch, if that was not done yet. */
export async function settleEpoch(
  desk: Desk,
  database: Pick<Database, 'meta' | 'setMeta'>,
  { number, start }: Epoch,
): Promise<Result<undefined>> {
  if (start === undefined || Number((await database.meta(settledKey(desk.space))) ?? '1') >= number) return done(undefined)
  const begun = await beginEpoch(desk, start)
  if (!begun.ok) return begun
  await database.setMeta(settledKey(desk.space), String(number))
  return done(undefined)
}

/** The signer of an epoch: the same key under a name of its own, since to the world a log that lost entries is another log. */
export function inEpoch(signer: Signer, epoch: number): Signer {
  return epoch === 1
    ? signer
    : { name: `${signer.name}/epoch-${epoch}`, publicKey: signer.publicKey, sign: (message) => signer.sign(message) }
}

/**
 * Signs the stored head under the name of the current epoch, where it is still signed under an earlier one: the first head of the log that
 * goes on from here. Refuses `ledger.unverified` a head that this key signed under no name it ever had.
 */
export async function carryHead(database: Database, base: Signer, epoch: number): Promise<Result<undefined>> {
  const { size, frontier, checkpoint } = await database.tree()
  if (checkpoint === '' || epoch === 1) return done(undefined)
  for (let each = epoch; each >= 1; each -= 1) {
    const signer = inEpoch(base, each)
    const key = parseVkey(makeVkey(signer.name, signer.publicKey))
    if (!key.ok) return key
    const opened = openCheckpoint(checkpoint, signer.name, [key.value])
    if (!opened.ok) continue
    if (each === epoch) return done(undefined)
    const { root } = opened.value
    const current = inEpoch(base, epoch)
    const note = signCheckpoint({ origin: current.name, size, root }, [current])
    await database.appendLeaves(size, [], { size, frontier, checkpoint: note })
    return done(undefined)
  }
  return refuse('ledger.unverified', { detail: 'the stored head was not signed by this key in any epoch' })
}

function readStart(text: string): EpochStart | undefined {
  const parsed = parseJson(text)
  if (!parsed.ok || !isJsonObject(parsed.value)) return undefined
  const { epoch, reason, size, lastHead, keepSecrets, administrator } = parsed.value
  if (typeof epoch !== 'number' || !Number.isSafeInteger(epoch) || epoch < 2 || typeof size !== 'number') return undefined
  if (typeof reason !== 'string' || typeof lastHead !== 'string' || typeof keepSecrets !== 'boolean') return undefined
  return { epoch, reason, size, lastHead, keepSecrets, ...(typeof administrator === 'string' ? { administrator } : {}) }
}
