/** Writes the ledger, one at a time whoever else does: numbers what changes left in the outbox, grows the tree and signs its head. */
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { openCheckpoint, signCheckpoint } from '../ledger/checkpoint.ts'
import { commit } from '../ledger/leaf.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import { appendLeaf, type Frontier, frontierRoot, type Hash, leafHash, sameHash } from '../ledger/tree.ts'
import type { Clock, LeafRow, OutboxRow, Signer, LogStore, TreeState } from './ports.ts'

export interface SequencerOptions {
  readonly store: Pick<LogStore, 'outbox' | 'tree' | 'appendLeaves' | 'onEntry'>
  /** Signs the checkpoints; its name is the log's origin. */
  readonly signer: Signer
  readonly clock: Pick<Clock, 'after'>
  /** How long changes gather before they are numbered together. */
  readonly lingerMs?: Milliseconds
  /** How long after a failure it is tried again. */
  readonly retryMs?: Milliseconds
  /** Hears of each failure to write the ledger. */
  readonly onFailure?: (cause: unknown) => void
  /** Opened so, it signs nothing until `resume`. */
  readonly isStopped?: boolean
  /** Whether numbering is for this node to do, where several have the store open; else it does so only when asked, or when nobody does. */
  readonly leads?: () => boolean
}

/** How long what changes left may wait for the node that leads. */
const patienceMs = 1_000
/** How often a node that does not lead looks at what was numbered, while something waits. */
const followMs = 200
/** Each time another node numbered first, there is less to do. */
const racesMax = 20

/** Rows in one transaction. */
const batchMax = 1_000

/**
 * Numbers the outbox whenever a change was committed, from `open` to `close`. Leaves, tree and checkpoint are stored in one
 * transaction over rows that are durable already, so a head never covers what a crash could take back. Of two that number the same rows
 * the store refuses one, by the size that it expects; both have signed the same, since leaves and head follow from the rows alone.
 */
export class Sequencer {
  readonly vkey: string
  readonly #options: SequencerOptions
  #turn: Promise<Result<TreeState>>
  readonly #onHead: ((state: TreeState) => void)[] = []
  #woken: (() => void) | undefined
  #closed = false
  #stopped: boolean
  /** Of the newest head that was told here. */
  #size: number
  #waited = 0

  /** Holds the stored head against the key and numbers what a crash left over. Refuses `ledger.*` a head that is not ours. */
  static async open(options: SequencerOptions): Promise<Result<Sequencer>> {
    const state = await options.store.tree()
    const vkey = makeVkey(options.signer.name, options.signer.publicKey)
    const sound = checkState(state, vkey)
    if (!sound.ok) return sound
    const sequencer = new Sequencer(options, vkey, state)
    options.store.onEntry(() => sequencer.#wake(sequencer.#leads() ? (options.lingerMs ?? 50) : followMs))
    await sequencer.flush()
    return done(sequencer)
  }

  private constructor(options: SequencerOptions, vkey: string, state: TreeState) {
    this.#options = options
    this.vkey = vkey
    this.#stopped = options.isStopped === true
    this.#size = state.size
    this.#turn = Promise.resolve(done(state))
  }

  /**
   * Numbers everything committed so far and answers the head over it; refuses `store.unavailable` if it could not be stored, and
   * `ledger.disputed` while it is stopped.
   */
  flush(): Promise<Result<TreeState>> {
    this.#turn = this.#turn.then(() => this.#numberAll())
    return this.#turn
  }

  /** As `flush`; while it is stopped, the head that was signed last. */
  async head(): Promise<Result<TreeState>> {
    const flushed = await this.flush()
    return flushed.ok || flushed.refusal.code !== 'ledger.disputed' ? flushed : done(await this.#options.store.tree())
  }

  /** Called with each new head once it is stored. */
  onHead(listener: (state: TreeState) => void): void {
    this.#onHead.push(listener)
  }

  /** Signs nothing any more. What changes leave stays in the outbox, in order, until `resume`. */
  stop(): void {
    this.#stopped = true
  }

  /** Signs again, from the next `flush` on. */
  resume(): void {
    this.#stopped = false
  }

  /** Numbers what is left and stops. */
  async close(): Promise<void> {
    this.#closed = true
    this.#woken?.()
    await this.flush()
  }

  #wake(after: Milliseconds): void {
    if (this.#closed || this.#woken !== undefined) return
    this.#woken = this.#options.clock.after(after, () => {
      this.#woken = undefined
      void (this.#leads() ? this.flush() : this.#followLeader())
    })
  }

  #leads(): boolean {
    return this.#options.leads?.() ?? true
  }

  /** Tells of what the node that leads has numbered; numbers itself what that leaves for too long. */
  async #followLeader(): Promise<void> {
    const { store, retryMs = 1_000 } = this.#options
    try {
      this.#tell(await store.tree())
      const [waiting] = await store.outbox(1)
      if (waiting === undefined) {
        this.#waited = 0
        return
      }
      this.#waited += followMs
      if (this.#waited < patienceMs) return this.#wake(followMs)
      this.#waited = 0
      await this.flush()
    } catch {
      // The store says by itself that it is not there.
      this.#wake(retryMs)
    }
  }

  #tell(state: TreeState): void {
    if (state.size <= this.#size) return
    this.#size = state.size
    for (const listener of this.#onHead) listener(state)
  }

  async #numberAll(): Promise<Result<TreeState>> {
    const { store, retryMs = 1_000, onFailure } = this.#options
    try {
      for (let races = 0; ; races += 1) {
        const state = await store.tree()
        // Told by whoever numbered it, where that is another node.
        this.#tell(state)
        const rows = await store.outbox(batchMax)
        if (this.#stopped) return refuse('ledger.disputed')
        if (rows.length === 0) return done(state)
        // One read came before the other's transaction, and one after it.
        if (rows[0]?.position !== state.size + 1 && races < racesMax) continue
        if (await this.#number(state, rows, races)) races = 0
      }
    } catch (cause) {
      onFailure?.(cause)
      // Nothing is lost: the rows are in the outbox until a transaction has numbered them.
      this.#wake(retryMs)
      return refuse('store.unavailable', { detail: 'the ledger cannot be written' })
    }
  }

  /** False where another node was first. */
  async #number(before: TreeState, rows: readonly OutboxRow[], races: number): Promise<boolean> {
    const { store, signer } = this.#options
    const { leaves, state } = numberRows(before, rows, signer)
    try {
      await store.appendLeaves(before.size, leaves, state)
    } catch (cause) {
      if (races >= racesMax || (await store.tree()).size <= before.size) throw cause
      return false
    }
    this.#tell(state)
    return true
  }
}

function numberRows(
  before: TreeState,
  rows: readonly OutboxRow[],
  signer: Signer,
): { readonly leaves: LeafRow[]; readonly state: TreeState } {
  let frontier = splitFrontier(before)
  const leaves: LeafRow[] = []
  for (const { position, body, salt } of rows) {
    const index = frontier.size
    if (position !== index + 1) throw new Error(`row ${position} of the outbox follows leaf ${index - 1}`)
    const leaf = commit(body, salt)
    leaves.push({ index, leaf, body, salt })
    frontier = appendLeaf(frontier, leafHash(leaf))
  }
  const checkpoint = signCheckpoint({ origin: signer.name, size: frontier.size, root: frontierRoot(frontier) }, [signer])
  return { leaves, state: { size: frontier.size, frontier: Buffer.concat(frontier.hashes), checkpoint } }
}

/** Reads the compact range; throws where it does not fit the size, since leaves appended to it would be under no true root. */
function splitFrontier({ size, frontier }: TreeState): Frontier {
  const hashes: Hash[] = []
  for (let at = 0; at < frontier.byteLength; at += 32) hashes.push(frontier.subarray(at, at + 32))
  const wanted = size.toString(2).replaceAll('0', '').length
  if (frontier.byteLength % 32 !== 0 || hashes.length !== wanted) throw new Error('the stored tree does not have the shape of its size')
  return { size, hashes }
}

/** Whether the stored tree is the one that the log's own key signed last. */
function checkState(state: TreeState, vkey: string): Result<undefined> {
  const key = parseVkey(vkey)
  if (!key.ok) return key
  if (state.size === 0 && state.checkpoint === '' && state.frontier.byteLength === 0) return done(undefined)
  const opened = openCheckpoint(state.checkpoint, key.value.name, [key.value])
  if (!opened.ok) return opened
  const { size, root } = opened.value
  if (size === state.size && sameHash(root, frontierRoot(splitFrontier(state)))) return done(undefined)
  return refuse('ledger.unverified', { detail: 'the stored tree is not the one that its checkpoint signs' })
}
