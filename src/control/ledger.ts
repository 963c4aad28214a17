/** The ledger at work: one sequencer, the tree for readers, and whoever outside holds its head. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { done, mustBe, type Result } from '../kernel/result.ts'
import { makeVkey, parseVkey } from '../ledger/note.ts'
import { machinery, note } from './desk.ts'
import { checkKept, HeadKeeping, type HeadPlace } from './head-keeping.ts'
import { type HashShelf, LogTree } from './log-tree.ts'
import type { Clock, Database, Signer, Store, TreeState } from './ports.ts'
import { Sequencer } from './sequencer.ts'
import { type Dispute, Witnessing, type WitnessLine, type WitnessState } from './witnessing.ts'

export interface LedgerOptions {
  readonly database: Database
  /** Of the space under which the ledger records what happens to itself. */
  readonly store: Store
  readonly signer: Signer
  readonly clock: Pick<Clock, 'now' | 'after'>
  readonly shelf: HashShelf
  readonly witnesses: readonly WitnessLine[]
  readonly place?: HeadPlace
  readonly alarm: (says: string, cause: unknown) => void
}

/** How well others could hold us to what we signed. */
export interface Standing {
  /** False while a witness disputes our head. */
  readonly isSigning: boolean
  /** Whether anybody outside is given our heads at all. */
  readonly isIndependent: boolean
  readonly witnesses: readonly WitnessState[]
  /** Why heads are not kept at the place outside just now. */
  readonly placeLate?: string
  readonly dispute?: Dispute
}

const disputeKey = 'ledgerDispute'
const witnessesKey = 'ledgerWitnesses'

export class Ledger {
  readonly sequencer: Sequencer
  readonly tree: LogTree
  /** The log's own key first, then those of every witness it ever had: what an export is verified with. */
  readonly vkeys: readonly string[]
  readonly #options: LedgerOptions
  readonly #witnessing: Witnessing
  readonly #keeping: HeadKeeping | undefined
  #dispute: Dispute | undefined
  #growing: Promise<unknown> = Promise.resolve()

  /**
   * Holds the stored log against whatever kept its head, before anything more is signed. Refuses `ledger.*` where it lost its tail, is not
   * ours, or cannot be checked.
   */
  static async open(options: LedgerOptions): Promise<Result<Ledger>> {
    const { database, signer, place, alarm, shelf } = options
    const own = mustBe(parseVkey(makeVkey(signer.name, signer.publicKey)))
    const tree = await LogTree.open({ log: database, shelf, origin: signer.name, alarm })
    if (!tree.ok) return tree
    const kept = place === undefined ? done(undefined) : await checkKept(place, own, database, tree.value)
    if (!kept.ok) return kept
    const sequencer = await Sequencer.open({
      store: database,
      signer,
      clock: options.clock,
      onFailure: (cause) => alarm('the ledger cannot be written', cause),
      // Whatever is left over is signed once the witnesses were asked about what was signed before.
      isStopped: true,
      leads: () => database.nodes.leads(),
    })
    if (!sequencer.ok) return sequencer
    const earlier = readDispute(await database.meta(disputeKey))
    const vkeys = [own.vkey, ...(await nameWitnesses(options))]
    const ledger = new Ledger(options, { sequencer: sequencer.value, tree: tree.value, vkeys, dispute: earlier })
    await ledger.#begin(earlier)
    return done(ledger)
  }

  private constructor(
    options: LedgerOptions,
    made: {
      readonly sequencer: Sequencer
      readonly tree: LogTree
      readonly vkeys: readonly string[]
      readonly dispute: Dispute | undefined
    },
  ) {
    const { database, clock, alarm, signer, place } = options
    this.#options = options
    this.sequencer = made.sequencer
    this.tree = made.tree
    this.vkeys = made.vkeys
    this.#dispute = made.dispute
    this.#keeping = place === undefined ? undefined : new HeadKeeping({ log: database, place, clock, alarm })
    this.#witnessing = new Witnessing({
      log: database,
      tree: made.tree,
      own: mustBe(parseVkey(makeVkey(signer.name, signer.publicKey))),
      witnesses: options.witnesses,
      clock,
      alarm,
      onDispute: (dispute) => this.#disputed(dispute),
    })
  }

  /** While it is disputed nothing may be let through: the store may be an old one, in which what was revoked lives again. */
  get isDisputed(): boolean {
    return this.#dispute !== undefined
  }

  standing(): Standing {
    const late = this.#keeping?.late
    return {
      isSigning: !this.isDisputed,
      isIndependent: this.#options.witnesses.length > 0 || this.#keeping !== undefined,
      witnesses: this.#witnessing.states(),
      ...(late === undefined ? {} : { placeLate: late }),
      ...(this.#dispute === undefined ? {} : { dispute: this.#dispute }),
    }
  }

  /** Brings the newest head to the witnesses now: for whoever wants a proof that has their word. */
  async witness(): Promise<void> {
    await this.#witnessing.askAll()
  }

  async close(): Promise<void> {
    await this.sequencer.close()
    // It reads leaves from the store, which is closed next.
    await this.#growing
    await this.#witnessing.close()
    await this.#keeping?.close()
  }

  async #begin(earlier: Dispute | undefined): Promise<void> {
    this.#dispute = undefined
    await this.#witnessing.askAll()
    this.sequencer.onHead((state) => this.#onHead(state))
    if (earlier !== undefined && !(await this.#isResolved(earlier))) this.#dispute = this.#dispute ?? earlier
    if (this.isDisputed) return
    if (earlier !== undefined) await this.#settle(earlier)
    this.sequencer.resume()
    await this.sequencer.flush()
  }

  /** By the operator, who took the witness away; or by the witness, which cosigned what it disputed. */
  async #isResolved(dispute: Dispute): Promise<boolean> {
    const isAsked = this.#options.witnesses.some((line) => line.key.vkey === dispute.vkey)
    if (!isAsked) return true
    const state = this.#witnessing.states().find((each) => each.vkey === dispute.vkey)
    return state?.size !== undefined && state.late === undefined
  }

  async #settle({ witness, says, size, vkey }: Dispute): Promise<void> {
    const { store, database, alarm } = this.#options
    const isAsked = this.#options.witnesses.some((line) => line.key.vkey === vkey)
    const how = isAsked ? 'the witness cosigned' : 'the witness was taken away'
    const recorded = await store.change(async (tx) => {
      await note(tx, { kind: 'ledger.dispute-settled', actor: machinery, subject: witness, facts: { vkey, size, says, how } })
      return done(undefined)
    })
    if (!recorded.ok) return
    await database.setMeta(disputeKey, '')
    alarm(`the ledger is signed again: ${how} (${witness})`, undefined)
  }

  #onHead(_state: TreeState): void {
    this.#witnessing.wake()
    this.#keeping?.wake()
    // One growth follows the other, so that the last is over when all are.
    this.#growing = this.tree.grow().catch((cause: unknown) => this.#options.alarm('the tiles of the ledger cannot be kept', cause))
  }

  #disputed(dispute: Dispute): void {
    const { alarm } = this.#options
    this.sequencer.stop()
    if (this.#dispute !== undefined) return
    this.#dispute = dispute
    const { witness, says } = dispute
    alarm(
      `THE LEDGER IS DISPUTED by the witness ${witness}: ${says}. Nothing is signed, and no action is let through, until this is resolved`,
      undefined,
    )
    // What cannot be written down now is found out again by asking, at the next start at the latest.
    void this.#recordDispute(dispute).catch((cause: unknown) => alarm('the dispute could not be recorded', cause))
  }

  async #recordDispute(dispute: Dispute): Promise<void> {
    const { store, database } = this.#options
    const { witness, vkey, size, says } = dispute
    await database.setMeta(disputeKey, canonicalJson({ ...dispute }))
    const recorded = await store.change(async (tx) => {
      await note(tx, { kind: 'ledger.disputed', actor: machinery, subject: witness, facts: { vkey, size, says } })
      return done(undefined)
    })
    mustBe(recorded)
  }
}

/** Every witness there ever was, so that an export can be verified with all of them; a new one is recorded. */
async function nameWitnesses({ database, store, witnesses }: LedgerOptions): Promise<readonly string[]> {
  const known = ((await database.meta(witnessesKey)) ?? '').split('\n').filter((line) => line !== '')
  const added = witnesses.map((line) => line.key).filter((key) => !known.includes(key.vkey))
  if (added.length === 0) return known
  const recorded = await store.change(async (tx) => {
    for (const key of added)
      await note(tx, { kind: 'ledger.witness-named', actor: machinery, subject: key.name, facts: { vkey: key.vkey } })
    return done(undefined)
  })
  const all = [...known, ...added.map((key) => key.vkey)]
  if (recorded.ok) await database.setMeta(witnessesKey, all.join('\n'))
  return all
}

function readDispute(text: string | undefined): Dispute | undefined {
  const parsed = text === undefined || text === '' ? undefined : parseJson(text)
  if (parsed === undefined) return undefined
  const { witness, vkey, size, says, at }: JsonObject = parsed.ok && isJsonObject(parsed.value) ? parsed.value : {}
  // What cannot be read is a dispute all the same: doing nothing means no.
  return { witness: textOf(witness), vkey: textOf(vkey), size: numberOf(size), says: textOf(says), at: numberOf(at) }
}

function textOf(value: JsonValue | undefined): string {
  return typeof value === 'string' ? value : ''
}

function numberOf(value: JsonValue | undefined): number {
  return typeof value === 'number' ? value : 0
}
