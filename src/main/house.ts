/** Joins the parts of one Remit: one store and one ledger, and a room for each space. No logic of its own, and nothing that listens yet. */
import type { KeyObject } from 'node:crypto'
import { Activity } from '../control/activity.ts'
import { Anchoring, latestAnchor } from '../control/anchor.ts'
import { proposeChange } from '../control/change-sets.ts'
import type { Desk, Pages } from '../control/desk.ts'
import { carryHead, currentEpoch, type Epoch, inEpoch, settleEpoch } from '../control/epochs.ts'
import { Facts } from '../control/facts.ts'
import type { Gate } from '../control/gate.ts'
import { gateInProcess } from '../control/in-process.ts'
import { Journal } from '../control/journal.ts'
import { type JournalDisk, readSealedLines } from '../control/journal-reading.ts'
import type { EarlierJournal } from '../control/replay.ts'
import type { Chance, Clock, Database, Passkeys, SecretSource, Signer, Store } from '../control/ports.ts'
import type { HeadPlace } from '../control/head-keeping.ts'
import { Ledger } from '../control/ledger.ts'
import { type HashShelf, memoryShelf } from '../control/log-tree.ts'
import type { Sequencer } from '../control/sequencer.ts'
import { Stopping } from '../control/stopping.ts'
import type { WitnessLine } from '../control/witnessing.ts'
import { OtherNodes } from '../feed/other-nodes.ts'
import { SharedLife } from '../feed/shared-life.ts'
import { makeVkey } from '../ledger/note.ts'
import { makeIssuerTokens } from '../host/issuer-tokens.ts'
import { PolicyChecker } from '../host/policy-checker.ts'
import { makeTokenMint, type OlderKey } from '../host/token-mint.ts'
import type { MasterKeys } from '../host/master-key.ts'
import { noSecrets } from '../host/secret-source.ts'
import { makeVault } from '../host/vault.ts'
import { isId } from '../kernel/ids.ts'
import type { Instant } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { PolicyFile } from '../model/policies.ts'
import { type DatabasePlace, openDatabase } from './database.ts'
import { firstNode, holdTokenKey } from './nodes.ts'
import { holdAgainstStore } from './master-keys.ts'

export interface Keys {
  /** Signs the ledger's heads; its name is the log's origin. */
  readonly ledger: Signer
  readonly master: MasterKeys
}

/** What no two spaces share. */
export interface RoomParts {
  readonly space: string
  /** Signs the journal of the HTTP gateway; its name is the journal's. */
  readonly gateway: Signer
  readonly tokens: KeyObject
  /** What signed tokens before, until the last of them has ended. */
  readonly olderTokens?: readonly OlderKey[]
  /** Of the journal of one epoch: each begins another. */
  readonly journalDisk: (epoch: number) => Promise<JournalDisk>
  readonly pages: () => Pages
}

export interface HouseParts {
  /** One for each space that is kept here; the first is the one that `remit up` speaks of when nothing else is said. */
  readonly rooms: readonly [RoomParts, ...RoomParts[]]
  /** A file, or `:memory:`, or a database elsewhere. */
  readonly place: DatabasePlace
  /** Name of this node among several on one database; the first needs none. */
  readonly node?: string
  readonly clock: Clock & { readonly raise?: (floor: Instant) => void }
  readonly chance: Chance
  readonly keys: Keys
  /** What a data folder for demonstrations accepts and others do not is settled when it is made. */
  readonly demo: boolean
  readonly passkeys: (options: { readonly acceptSoftware: boolean }) => Passkeys
  /** Where references to secrets are looked up; without it none is found. */
  readonly secrets?: SecretSource
  readonly shipped: readonly PolicyFile[]
  /** Whoever opens several houses gives them one, and ends it; else a house has its own. */
  readonly checker?: PolicyChecker
  /** Where hashes above the ledger's leaves are kept; in memory unless said. */
  readonly shelf?: HashShelf
  readonly witnesses?: readonly WitnessLine[]
  /** A place outside that is given the heads of the log of this name, and that the store is held against at the start. */
  readonly headPlace?: (origin: string) => HeadPlace
  /** Told once, when others gave this process up, or it cannot follow them: it has to stop. */
  readonly onFenced?: (reason: string) => void
  /** Hears of what an operator must look at. */
  readonly alarm: (says: string, cause: unknown) => void
}

/** One space at work: its desk, its gateway's gate and journal. */
export interface Room {
  readonly desk: Desk
  readonly gate: Gate
  readonly journal: Journal
  /** Of the epochs before this one: nobody writes them any more, and the ledger goes on vouching for them. */
  readonly earlierJournals: readonly EarlierJournal[]
}

/** The members of `Room` are those of the first space. */
export interface House extends Room {
  readonly rooms: readonly [Room, ...Room[]]
  readonly database: Database
  readonly ledger: Ledger
  /** The ledger's. */
  readonly sequencer: Sequencer
  readonly isDemo: boolean
  close(): Promise<void>
}

export const httpGateway = 'http'

/** Opens everything, or refuses with what an operator must do. What was opened before a refusal is closed again. */
export async function openHouse(parts: HouseParts): Promise<Result<House>> {
  const { clock, chance, keys } = parts
  const opened = await openDatabase(parts.place, {
    clock,
    chance,
    node: parts.node ?? firstNode,
    onLost: (reason) => parts.alarm(`the database is lost, and everything is refused until it is held again: ${reason}`, undefined),
    ...(parts.onFenced === undefined ? {} : { onFenced: parts.onFenced }),
    atCreation: { demo: String(parts.demo), ledger: keys.ledger.name, ledgerKey: asText(keys.ledger.publicKey) },
  })
  if (!opened.ok) return opened
  const closing = new Closing(() => opened.value.close())
  const built = await build(parts, opened.value, closing)
  if (!built.ok) await closing.all()
  return built
}

function asText(key: Uint8Array): string {
  return Buffer.from(key).toString('base64')
}

/** What is to be closed, the last opened first. */
class Closing {
  readonly #each: (() => Promise<void>)[]

  constructor(first: () => Promise<void>) {
    this.#each = [first]
  }

  add(close: () => Promise<void>): void {
    this.#each.push(close)
  }

  async all(): Promise<void> {
    for (const close of this.#each.splice(0).toReversed()) await close()
  }
}

async function build(parts: HouseParts, database: Database, closing: Closing): Promise<Result<House>> {
  const { clock, keys, alarm } = parts
  // A lost key must not be replaced in silence: the log would go on under a key that nobody was told of.
  if ((await database.meta('ledgerKey')) !== asText(keys.ledger.publicKey)) {
    return refuse('configuration.invalid', {
      detail:
        'the ledger key in the data folder is not the one this store was made with; restore it, or copy the keys of the node that made it',
    })
  }
  const held = await holdAgainstStore(database, keys.master)
  if (!held.ok) return held
  const isDemo = (await database.meta('demo')) === 'true'
  const [first, ...others] = parts.rooms
  clock.raise?.((await database.inSpace(first.space).last()).at)
  const epoch = await currentEpoch(database)
  const carried = await carryHead(database, keys.ledger, epoch.number)
  if (!carried.ok) return carried
  const signer = inEpoch(keys.ledger, epoch.number)
  const ledger = await Ledger.open({
    database,
    store: database.inSpace(first.space),
    signer,
    clock,
    shelf: parts.shelf ?? memoryShelf(),
    witnesses: parts.witnesses ?? [],
    ...(parts.headPlace === undefined ? {} : { place: parts.headPlace(signer.name) }),
    alarm,
  })
  if (!ledger.ok) return ledger
  closing.add(() => ledger.value.close())
  const checker = parts.checker ?? new PolicyChecker()
  if (parts.checker === undefined) closing.add(() => checker.close())
  const shared: Shared = { house: parts, database, ledger: ledger.value, epoch, checker, isDemo, closing }
  const room = await openRoom(shared, first)
  if (!room.ok) return room
  const rooms: [Room, ...Room[]] = [room.value]
  for (const each of others) {
    const opened = await openRoom(shared, each)
    if (!opened.ok) return opened
    rooms.push(opened.value)
  }
  return done({
    ...room.value,
    rooms,
    database,
    ledger: ledger.value,
    sequencer: ledger.value.sequencer,
    isDemo,
    close: () => closing.all(),
  })
}

/** What every room of a house stands on. */
interface Shared {
  readonly house: HouseParts
  readonly database: Database
  readonly ledger: Ledger
  readonly epoch: Epoch
  readonly checker: PolicyChecker
  readonly isDemo: boolean
  readonly closing: Closing
}

async function openRoom(shared: Shared, parts: RoomParts): Promise<Result<Room>> {
  const { house, database } = shared
  const store = database.inSpace(parts.space)
  const facts = await Facts.following(store, house.clock)
  // Other nodes' clocks may be ahead: what has ended there has ended here.
  store.onCommit(({ at }) => house.clock.raise?.(at))
  const isOurs = await holdTokenKey(database, parts.space, parts.tokens)
  if (!isOurs.ok) return isOurs
  const journal = await openJournal(shared, parts, store)
  if (!journal.ok) return journal
  const desk = await makeDesk(shared, parts, { store, facts })
  joinNodes(shared, desk)
  const gate = gateInProcess(desk, httpGateway, {
    journal: journal.value,
    alarm: house.alarm,
    isDisputed: () => shared.ledger.isDisputed,
  })
  const policies = await publishShipped(desk)
  if (!policies.ok) return policies
  const settled = await settleEpoch(desk, database, shared.epoch)
  return settled.ok ? done({ desk, gate, journal: journal.value, earlierJournals: earlierJournals(parts, shared.epoch) }) : settled
}

/** Other control nodes hear of what lives and what has stopped here, and this one of what does there. */
function joinNodes({ database, house, closing }: Shared, desk: Desk): void {
  const { nodes } = database
  if (nodes.node === '') return
  const { clock } = house
  const { space, store, stopping, activity, facts } = desk
  const isOpen = (id: string) => {
    const grant = isId('grn', id) ? facts.grant(id) : undefined
    return grant !== undefined && grant.endedAt === undefined
  }
  const life = new SharedLife({ nodes, space, activity, clock, isOpen })
  life.begin()
  closing.add(async () => life.stop())
  new OtherNodes({ nodes, store, stopping, clock }).join()
}

function earlierJournals({ gateway, journalDisk }: RoomParts, epoch: Epoch): readonly EarlierJournal[] {
  return Array.from({ length: epoch.number - 1 }, (_, place) => {
    const { name, publicKey } = inEpoch(gateway, place + 1)
    const read = async function* () {
      const disk = await journalDisk(place + 1)
      try {
        yield* readSealedLines(disk)
      } finally {
        await disk.close()
      }
    }
    return { name, vkey: makeVkey(name, publicKey), read, openDisk: () => journalDisk(place + 1) }
  })
}

/** The journal of the HTTP gateway, held against the newest line that the ledger vouches for, and anchored there from now on. */
async function openJournal(
  { house, database, closing, epoch }: Shared,
  { gateway, journalDisk }: RoomParts,
  store: Store,
): Promise<Result<Journal>> {
  const { clock, alarm } = house
  const signer = inEpoch(gateway, epoch.number)
  const anchored = await latestAnchor(database, signer.name)
  const journal = await Journal.open({
    signer,
    disk: await journalDisk(epoch.number),
    clock,
    ...(anchored === undefined ? {} : { anchored }),
    storeVersion: (await store.last()).version,
    onFailure: (cause) =>
      alarm('the journal stopped recording, and the gateway refuses everything; mend its disk, then start Remit again', cause),
  })
  if (!journal.ok)
    return refuse(journal.refusal.code, { detail: `the journal of ${signer.name} in the data folder: ${journal.refusal.detail ?? ''}` })
  closing.add(() => journal.value.close())
  const anchoring = new Anchoring({ store, clock }, journal.value)
  closing.add(() => anchoring.stop())
  return journal
}

async function makeDesk(shared: Shared, parts: RoomParts, { store, facts }: Pick<Desk, 'store' | 'facts'>): Promise<Desk> {
  const { clock, chance, keys, shipped, passkeys, alarm } = shared.house
  const { space, tokens, olderTokens = [], pages } = parts
  return {
    space,
    store,
    log: shared.database,
    facts,
    activity: new Activity(clock.now()),
    stopping: new Stopping({ store, facts, clock }),
    clock,
    chance,
    mint: await makeTokenMint({ key: tokens, older: olderTokens, issuer: `urn:remit:${space}`, clock }),
    issuerTokens: makeIssuerTokens({ clock, log: { warn: alarm } }),
    vault: makeVault(keys.master),
    secrets: shared.house.secrets ?? noSecrets,
    passkeys: passkeys({ acceptSoftware: shared.isDemo }),
    checker: shared.checker,
    shipped,
    pages,
  }
}

/** The desk's own policies are always in force, also before anybody configured anything. */
async function publishShipped(desk: Desk): Promise<Result<undefined>> {
  if (desk.facts.policies !== undefined) return done(undefined)
  // Nobody is registered in a space that has no policies, so that there is nobody to ask.
  const document = { version: 1, space: desk.space, policyFiles: [] }
  const applied = await proposeChange(desk, { machine: 'first start' }, { document })
  return applied.ok ? done(undefined) : applied
}
