/** The feed at control, joined: its authority, its port, and for each space who is served there. */
import { hostname } from 'node:os'
import type { ApiParts, GatewayStanding } from '../api/parts.ts'
import { RateLimits } from '../kernel/rate-limits.ts'
import { currentEpoch } from '../control/epochs.ts'
import { codeHash, enrolGateway, GatewayWatcher } from '../control/gateways.ts'
import { type EnrolAnswer, enrolBytesMax } from '../feed/enrolment.ts'
import { FeedServer } from '../feed/feed-server.ts'
import { stoppedAfter } from '../feed/feed-seats.ts'
import { messageBytesMax, waitingBytesMax } from '../feed/link.ts'
import { leaseMs } from '../feed/messages.ts'
import { parseEnrolRequest } from '../feed/parse-enrolment.ts'
import { SharedStanding } from '../feed/shared-standing.ts'
import { type FeedAuthority, openFeedAuthority } from '../host/feed-authority.ts'
import { type FeedListener, openFeedListener, type FeedPeer } from '../host/feed-listener.ts'
import type { FeedWire } from '../host/feed-wire.ts'
import type { Log } from '../host/logs.ts'
import { addressForCounting } from '../kernel/client-address.ts'
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { reveal } from '../kernel/secret.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import type { Service } from '../model/services.ts'
import type { House, Room } from './house.ts'
import { orThrow } from './or-throw.ts'

export interface FeedOptions {
  /** The data folder's keys. */
  readonly keys: string
  readonly listen: { readonly host: string; readonly port: number }
  /** The name under which gateways reach this machine, for the commands that are printed. */
  readonly reachedAt: string
  readonly log: Log
}

export interface Feed {
  /** For the API of one space. */
  readonly at: (space: string) => ApiParts['feed']
  /** Host and port, as gateways reach it; opens the port. */
  open(): Promise<string>
  close(): Promise<void>
}

const attemptsPerMinuteMax = 10
const authorityKept = 'feedAuthority'
/** Three leases: whoever is not heard of for so long is not there. */
const silenceMs = 3 * leaseMs

/** Who serves one space, and who watches over its codes and keys. */
interface Served {
  readonly room: Room
  readonly server: FeedServer
  /** Where there are other control nodes. */
  readonly shared: SharedStanding | undefined
  readonly watcher: GatewayWatcher
}

/** Makes the parts. Throws a sentence for a person where the authority is not the one that the gateways were enrolled under. */
export async function makeFeed(house: House, options: FeedOptions): Promise<Feed> {
  const { log } = options
  const authority = await holdAuthority(house, options.keys)
  const { number: epoch } = await currentEpoch(house.database)
  const alarm = (says: string, cause?: unknown) => log.error(says, cause === undefined ? {} : { error: cause })
  const served = house.rooms.map((room): Served => {
    const { desk } = room
    const server = new FeedServer({
      desk,
      epoch,
      node: house.database.nodes.node === '' ? hostname() : house.database.nodes.node,
      isDisputed: () => house.ledger.isDisputed,
      secretText: (service) => secretText(room, service),
      renewCertificate: (gateway, request) => renewCertificate(authority, gateway, request),
      alarm,
    })
    return { room, server, shared: shareStanding(house, room, server), watcher: new GatewayWatcher(desk, alarm) }
  })
  let listener: FeedListener | undefined
  const address = () =>
    `${options.reachedAt.includes(':') ? `[${options.reachedAt}]` : options.reachedAt}:${listener?.port ?? options.listen.port}`
  const limits = new RateLimits()
  return {
    at: (space) => {
      const own = served.find(({ room }) => room.desk.space === space)
      return {
        fingerprint: authority.fingerprint,
        get addresses() {
          return [address()]
        },
        standing: () => (own === undefined ? [] : standing(own)),
        // Here first; one that has just gone to another node may be said to be at both.
        urls: (service) => [...new Set([...(own?.server.urlsOf(service) ?? []), ...(own?.shared?.urlsOf(service) ?? [])])],
      }
    },
    open: async () => {
      listener = await openFeedListener({
        authority,
        ...options.listen,
        limits: { messageBytesMax, waitingBytesMax, silenceMs },
        log,
        mayEnrol: (from) => limits.take(addressForCounting(from), attemptsPerMinuteMax, house.desk.clock.now()) === 0,
        onLink: (link, peer) => accept(served, link, peer, log),
        onEnrol: async (request, from) => canonicalJson(await enrol(served, authority, request, from)),
        bounds: { enrolBytesMax },
      })
      return address()
    },
    close: async () => {
      for (const { server, shared } of served) {
        shared?.stop()
        server.close()
      }
      await listener?.close()
    },
  }
}

/** All control nodes of one store vouch by the same authority: a gateway that knows one of them knows them all. */
async function holdAuthority(house: House, keys: string): Promise<FeedAuthority> {
  const authority = orThrow(await openFeedAuthority(keys))
  const kept = await house.database.meta(authorityKept)
  if (kept === undefined) await house.database.setMeta(authorityKept, authority.fingerprint)
  else if (kept !== authority.fingerprint)
    throw new Error(
      `${keys}/gateways.pem is not the authority that gateways were enrolled under here; copy it from the control node that has it, or restore it`,
    )
  return authority
}

function secretText(room: Room, service: Service): Result<string | undefined> {
  const secret = room.gate.secrets.of(service)
  if (!secret.ok) return secret
  return done(secret.value === undefined ? undefined : reveal(secret.value))
}

async function renewCertificate(authority: FeedAuthority, gateway: EnrolledGateway, request: string): Promise<Result<string>> {
  if (gateway.key === undefined) return refuse('gateway.unknown')
  const certified = await authority.certify(request, gateway.key)
  return certified.ok ? done(certified.value.certificate) : certified
}

/** The space is that of whoever has the key. Who has a key of ours and is nowhere enrolled was removed, or is older than a restore. */
function accept(served: readonly Served[], link: FeedWire, peer: FeedPeer, log: Log): void {
  const own = served.find(({ server }) => server.knows(peer.key))
  if (own !== undefined) return own.server.accept(link, peer)
  link.send(canonicalJson({ type: 'refused', code: 'gateway.unknown' }))
  link.close('gateway.unknown')
  void tellUnknown(served, peer).catch((error: unknown) => log.error('a key that is not enrolled could not be told of', { error }))
}

async function tellUnknown(served: readonly Served[], { key, address }: FeedPeer): Promise<void> {
  for (const { room, watcher } of served) {
    const [gateway] = await room.desk.store.read((tx) => tx.find('gateway', { key }, { max: 1 }))
    if (gateway !== undefined)
      await watcher.tell('gateway-key-unknown', { gateway, how: `its key was used after it was removed, from ${address}`, address })
  }
}

async function enrol(served: readonly Served[], authority: FeedAuthority, text: string, address: string): Promise<EnrolAnswer> {
  const refused: EnrolAnswer = { type: 'refused', code: 'enrolment.refused' }
  const request = parseEnrolRequest(text)
  if (!request.ok) return refused
  // Signed first: a code is not used up by a request that cannot be answered.
  const certified = await authority.certify(request.value.request)
  if (!certified.ok) return refused
  const hash = codeHash(request.value.code)
  for (const { room, watcher } of served) {
    const found = await room.desk.store.read((tx) => tx.find('gateway', { codeHash: hash }, { max: 1 }))
    if (found.length === 0) continue
    const { key, certificate } = certified.value
    const enrolled = await enrolGateway(room.desk, watcher, { codeHash: hash, key, journal: request.value.journal, address })
    if (!enrolled.ok)
      return { type: 'refused', code: enrolled.refusal.code === 'store.unavailable' ? 'store.unavailable' : 'enrolment.refused' }
    const { id, space, name, gateway } = enrolled.value
    return { type: 'enrolled', id, space, name, gateway, certificate }
  }
  return refused
}

function shareStanding({ database }: House, { desk }: Room, server: FeedServer): SharedStanding | undefined {
  if (database.nodes.node === '') return undefined
  const { space, facts, clock } = desk
  const shared = new SharedStanding({ nodes: database.nodes, space, facts, clock, connected: () => server.connected() })
  shared.begin()
  return shared
}

function standing({ server, shared }: Served): readonly GatewayStanding[] {
  return server.standing().map(({ id, since, address, lag, leaseEndsBy, software }) => ({
    id,
    ...nodeOf(shared?.nodeOf(id)),
    ...(since === undefined ? {} : { connectedAt: since }),
    ...(address === undefined ? {} : { address }),
    ...(lag === undefined ? {} : { lag }),
    // By then it has stopped, whatever its clock says; it renewed so long before.
    ...(leaseEndsBy === undefined ? {} : { leaseEndsAt: leaseEndsBy, heardAt: leaseEndsBy - stoppedAfter }),
    ...(software === undefined ? {} : { software }),
  }))
}

function nodeOf(node: string | undefined): { readonly node?: string } {
  return node === undefined ? {} : { node }
}
