/** `remit up`: everything in one process on one machine, from a data folder, until it is told to stop. */
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { buildApi } from '../api/api.ts'
import { passkeyHolders } from '../control/change-set-price.ts'
import { controlAudience, TokenReader } from '../control/identify.ts'
import { gatewayControl } from '../control/gateway-control.ts'
import { firstLink } from '../control/people.ts'
import type { Desk, Pages } from '../control/desk.ts'
import type { Passkeys } from '../control/ports.ts'
import { recover } from '../control/recover.ts'
import { agentDesk } from '../control/own-tools.ts'
import { describeRequirement } from '../control/rights.ts'
import { standingWords } from '../control/standing-words.ts'
import { removeExpired, sweep } from '../control/sweep.ts'
import { type JournalKeep, parseJournalKeep, pruneJournal } from '../control/journal-pruning.ts'
import { makeChance } from '../host/chance.ts'
import { makeClientDocuments } from '../host/client-documents.ts'
import { openHashFiles } from '../host/hash-files.ts'
import { headFolder, headUrl } from '../host/head-places.ts'
import { witnessCalls } from '../host/witness-calls.ts'
import type { WitnessLine } from '../control/witnessing.ts'
import { parseVkey } from '../ledger/note.ts'
import { makeClock } from '../host/clock.ts'
import type { HostSecretSource } from '../host/secret-source.ts'
import { openJournalFiles } from '../host/journal-files.ts'
import { type Log, type LogLevel, makeLog } from '../host/logs.ts'
import { every } from '../kernel/every.ts'
import { reveal } from '../kernel/secret.ts'
import type { ReadySpace, UpOptions } from '../cli/house.ts'
import { untilAborted } from './until-aborted.ts'
import { assets, deskPolicies } from './assets.ts'
import { openAuthz } from './authz.ts'
import { databasePlace } from './database.ts'
import { type DataFolder, journalOf, loadKeys, loadSpaceKeys, mainSpace, openDataFolder } from './data-folder.ts'
import type { Feed } from './feed.ts'
import { type GatewaysInput, openGateways } from './gateways.ts'
import { type House, type HouseParts, openHouse, type Room, type RoomParts } from './house.ts'
import { orThrow } from './or-throw.ts'
import { roomMetrics } from './room-metrics.ts'
import { masterKeySource } from './rotate-key.ts'
import { prepareSecrets, prepareTls, type Reached } from './secrecy.ts'
import { version } from './version.ts'
import { type Watched, WatchedConfiguration } from './watched-configuration.ts'

const sweepEveryMs = 500
const watchEveryMs = 400
const removeEveryMs = 60_000
const secretsMs = 5_000

/** Runs until the signal. Throws a sentence for a person when it cannot start. */
export async function up(options: UpOptions & { readonly logLevel?: LogLevel }): Promise<void> {
  const log = makeLog({ level: options.logLevel ?? 'warn' })
  // Nothing that this process makes is for anybody else's eyes.
  process.umask(0o077)
  const data = resolve(options.data)
  const folder = await openDataFolder(data)
  if (existsSync(folder.restoring)) throw new Error(`a restore into ${data} was not finished; do it again with remit restore`)
  const keep = options.journalKeep === undefined ? undefined : orThrow(parseJournalKeep(options.journalKeep))
  const clock = makeClock({ floor: 0 })
  const reached = await prepareTls(options, folder.keys, { clock, log })
  const keys = orThrow(await loadKeys(folder.keys, masterKeySource(options.masterKey)))
  // The configuration may name variables that nobody else is to read after this.
  const env = { ...process.env }
  const secrets = await prepareSecrets(options, { clock, log })
  // Nobody waits for it before everything is open.
  const fenced = Promise.withResolvers<never>()
  fenced.promise.catch(() => undefined)
  const origins = new Map<string, string>()
  const roomParts = (space: string) =>
    partsOfSpace({ folder, node: options.node }, space, () => ({ origin: origins.get(space) ?? '', rpId: reached.name }))
  const house = orThrow(
    await openHouse({
      rooms: [await roomParts(mainSpace), ...(await Promise.all(options.spaces.map(({ space }) => roomParts(space))))],
      place: await databasePlace(options.database, folder.store),
      ...(options.node === undefined ? {} : { node: options.node }),
      clock,
      chance: makeChance(),
      keys,
      secrets,
      demo: options.demo,
      passkeys: latePasskeys,
      shipped: await deskPolicies(),
      ...(await outside(options, folder)),
      alarm: (says, cause) => log.error(says, { error: cause }),
      onFenced: (reason) => fenced.reject(new Error(`this process cannot go on from what it knows; start Remit again: ${reason}`)),
    }),
  )
  try {
    const watched = await watchFile(house, options, { env, log })
    await serve(house, { ...options, data, keys: folder.keys, log, reached, secrets, watched, keep, fenced: fenced.promise }, origins)
  } finally {
    secrets.close()
    reached.tls?.close()
    await house.close()
  }
}

/** Where hashes above the ledger are kept, and who outside holds its heads. */
async function outside(
  { witnesses = [], anchor }: UpOptions,
  folder: DataFolder,
): Promise<Pick<HouseParts, 'shelf' | 'witnesses' | 'headPlace'>> {
  const lines = witnesses.map(({ url, vkey }): WitnessLine => {
    const key = orThrow(parseVkey(vkey))
    if (key.kind !== 'cosigns') throw new Error(`${vkey} is not the key of a witness; remit witness prints its own`)
    return { key, add: witnessCalls(url) }
  })
  const isUrl = anchor !== undefined && /^https?:\/\//.test(anchor)
  const headPlace = (origin: string, at: string) => (isUrl ? headUrl(at) : headFolder(resolve(at), origin, () => Date.now()))
  return {
    shelf: await openHashFiles(folder.tiles),
    witnesses: lines,
    ...(anchor === undefined ? {} : { headPlace: (origin) => headPlace(origin, anchor) }),
  }
}

/** A file of the command line, proposed before anything listens. Nobody else is there to mend it while nobody is registered. */
async function watchFile(house: House, { configuration, watch = false }: UpOptions, from: Pick<Watched, 'env' | 'log'>) {
  if (configuration === undefined) return undefined
  const watched = new WatchedConfiguration({ desk: house.desk, path: configuration, ...from })
  await watched.propose({ mayBeFaulty: watch && passkeyHolders(house.desk).size > 0 })
  return watched
}

/** WebAuthn's library takes a quarter of a second to load, and nobody signs before somebody does. */
function latePasskeys(options: { readonly acceptSoftware: boolean }): Passkeys {
  const load = async () => (await import('../host/passkeys.ts')).makePasskeys(options)
  return {
    registration: async (input) => (await load()).registration(input),
    assertion: async (input) => (await load()).assertion(input),
  }
}

async function partsOfSpace(
  { folder, node }: { readonly folder: DataFolder; readonly node: string | undefined },
  space: string,
  pages: () => Pages,
): Promise<RoomParts> {
  const keys = orThrow(await loadSpaceKeys(folder.keys, space, node))
  return { ...keys, space, journalDisk: (epoch) => openJournalFiles(journalOf(folder, space, epoch, node)), pages }
}

type Serving = UpOptions & {
  /** The data folder's keys. */
  readonly keys: string
  readonly feed?: Feed
  readonly log: Log
  readonly reached: Reached
  readonly secrets: HostSecretSource
  readonly watched: WatchedConfiguration | undefined
  readonly keep: JournalKeep | undefined
  /** Rejects when this process must not go on. */
  readonly fenced: Promise<never>
}

async function serve(house: House, options: Serving, origins: Map<string, string>): Promise<void> {
  const ports = [options.port, ...options.spaces.map((each) => each.port)]
  const serving: ServedRoom[] = []
  const feed = await feedOf(house, options)
  try {
    for (const [place, room] of house.rooms.entries())
      serving.push(await serveRoom(house, room, { ...options, ...(feed === undefined ? {} : { feed }), port: ports[place] ?? 0 }, origins))
    // The last of all: who is served there is told where the pages are.
    const elsewhere = await feed?.open()
    const [first, ...others] = serving.map((each) => each.ready)
    if (first === undefined) throw new Error('a house has a room')
    const { authority, warnings } = options.reached
    const ready = {
      ...first,
      warnings: [...warnings, ...first.warnings],
      data: options.data,
      spaces: others,
      ...(serving[0]?.authz === undefined ? {} : { authz: serving[0].authz }),
      ...(elsewhere === undefined ? {} : { feed: elsewhere }),
    }
    options.onReady(authority === undefined ? ready : { ...ready, authority })
    await Promise.race([untilAborted(options.signal), options.fenced])
  } finally {
    await feed?.close()
    for (const each of serving.toReversed()) await each.close()
  }
}

async function feedOf(house: House, { gateways, host, keys, log, reached }: Serving): Promise<Feed | undefined> {
  if (gateways === undefined) return undefined
  const listen = { host: gateways.host ?? host, port: gateways.port }
  const isEverywhere = listen.host === '0.0.0.0' || listen.host === '::'
  // It brings the making of certificates with it, which nothing else here needs.
  const { makeFeed } = await import('./feed.ts')
  return makeFeed(house, { keys, listen, reachedAt: isEverywhere ? reached.host : listen.host, log })
}

interface ServedRoom {
  readonly ready: ReadySpace
  /** Where proxies ask about its services. */
  readonly authz?: string
  close(): Promise<void>
}

/** What agents are told of the desk that is in this process. */
function toldBy(desk: Desk): Pick<GatewaysInput, 'pagesOrigin' | 'agentDesk'> {
  return { pagesOrigin: () => desk.pages().origin, agentDesk: agentDesk(desk) }
}

/** One space's gateway, API and pages, listening. */
async function serveRoom(house: House, room: Room, options: Serving, origins: Map<string, string>): Promise<ServedRoom> {
  const { desk, gate } = room
  const { log, host, reached } = options
  const tls = reached.tls === undefined ? {} : { tls: reached.tls }
  const control = gatewayControl(gate)
  const { clock } = desk
  const gateway = await openGateways({ control, clock, log, host, names: options.names, reached, ...toldBy(desk) })
  const authz = desk.space === mainSpace ? await openAuthz(options, { control, clock, log, reached }) : undefined
  // What is looked up elsewhere is there before the first request, where it can be had at all.
  await options.secrets.settled(secretsMs)
  const hosts: string[] = []
  const feed = withFeed(options.feed, desk.space)
  const watched = desk.space === mainSpace ? options.watched : undefined
  const api = buildApi({
    desk,
    reader: new TokenReader(desk, controlAudience(desk.space)),
    activity: gate.activity,
    sequencer: house.sequencer,
    ledger: house.ledger,
    journals: [room.journal],
    earlierJournals: room.earlierJournals,
    serviceUrl: (service) => gateway.urls()[service],
    serviceHealth: (service) => gateway.health(service),
    log,
    handOver: reveal,
    clientDocuments: makeClientDocuments({ clock, takesLoopback: house.isDemo }),
    assets: await assets(),
    version,
    hosts,
    ...feed,
    metrics: roomMetrics(desk, feed.feed),
    isConfigurationRejected: () => watched?.isRejected === true,
    ...tls,
  })
  await api.listen({ host, port: options.port })
  const address = api.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : options.port
  origins.set(desk.space, `${reached.scheme}://${reached.name}:${port}`)
  hosts.push(...(options.names ?? []).map((name) => `${name.includes(':') ? `[${name}]` : name}:${port}`))
  const stopSweeping = every(desk.clock, sweepEveryMs, async () => {
    gate.endings.cutWhenLost(gate.home, desk.clock.now())
    await sweep(desk, gate.activity)
  })
  const stopRemoving = every(desk.clock, removeEveryMs, () => removeExpired(desk))
  const { keep } = options
  const stopPruning = keep === undefined ? () => {} : every(desk.clock, removeEveryMs, () => prune(room, keep, log))
  const stopWatching = watched === undefined || options.watch !== true ? () => {} : every(desk.clock, watchEveryMs, () => watched.look())
  const ready = await describeReady(house, room, {
    url: `${reached.scheme}://${reached.host}:${port}`,
    gateways: gateway.urls(),
    recover: desk.space === mainSpace ? options.recover : undefined,
    isRejected: watched?.isRejected === true,
  })
  return {
    ready: authz === undefined ? ready : { ...ready, warnings: [...authz.warnings, ...ready.warnings] },
    ...(authz === undefined ? {} : { authz: authz.url }),
    close: async () => {
      stopSweeping()
      stopRemoving()
      stopWatching()
      stopPruning()
      await api.close()
      await authz?.close()
      await gateway.close()
    },
  }
}

function withFeed(feed: Feed | undefined, space: string): Pick<Parameters<typeof buildApi>[0], 'feed'> {
  const at = feed?.at(space)
  return at === undefined ? {} : { feed: at }
}

async function prune({ desk, journal }: Room, keep: JournalKeep, log: Log): Promise<void> {
  try {
    const count = await pruneJournal(desk, journal, keep)
    if (count > 0) log.info('the oldest of a journal was removed, as --journal-keep says', { journal: journal.name, segments: count })
  } catch (error) {
    log.error('the oldest of a journal could not be removed', { journal: journal.name, error })
  }
}

async function describeReady(
  { isDemo, ledger }: House,
  { desk }: Room,
  at: {
    readonly url: string
    readonly gateways: Readonly<Record<string, string>>
    readonly recover: string | undefined
    readonly isRejected: boolean
  },
): Promise<ReadySpace> {
  const link = orThrow(await firstLink(desk))
  const recovery = at.recover === undefined ? undefined : orThrow(await recover(desk, at.recover))
  const { origin } = desk.pages()
  const warnings: string[] = []
  const people = [...desk.facts.people()].filter((person) => desk.facts.hasPasskey(person.id))
  if (isDemo) warnings.push('this is a demo folder: it takes passkeys made in software; do not protect anything with it')
  const { isIndependent, dispute } = ledger.standing()
  // Of the ledger, which all spaces share.
  if (!isIndependent && desk.space === mainSpace) {
    warnings.push(
      'nobody outside holds the head of the ledger: whoever can write this machine could rewrite it unseen; give --witness URL=KEY or --anchor',
    )
  }
  if (dispute !== undefined) {
    warnings.push(`THE LEDGER IS DISPUTED by ${dispute.witness}: ${dispute.says}; nothing is signed and no action is let through`)
  }
  if (people.length < 2) {
    warnings.push(
      'fewer than two people hold a passkey: nobody approves their own request, so what needs approval stays locked until a second person is invited',
    )
  }
  warnings.push(...(await standingWords(desk)))
  if (at.isRejected)
    warnings.push('THE CONFIGURATION ON DISK HAS A FAULT and stays out; what was in force before still is: remit check says where')
  for (const set of desk.facts.changes.waiting()) {
    const words = describeRequirement(set.requirement)
    warnings.push(`a change of configuration by ${set.author.name} waits for ${words}: ${origin}/changes/${set.id}`)
  }
  return {
    space: desk.space,
    url: at.url,
    pages: origin,
    gateways: Object.entries(at.gateways).map(([service, url]) => ({ service, url })),
    ...(link === undefined ? {} : { link: `${origin}/register/${reveal(link)}` }),
    ...(recovery === undefined ? {} : { recovery: `${origin}/register/${reveal(recovery.link)}` }),
    warnings,
  }
}
