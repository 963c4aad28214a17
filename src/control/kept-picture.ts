/** The picture of what is in force, kept current change by change: comparing with it costs what changed, and not what is there. */
import { createHash, hash } from 'node:crypto'
import { canonicalJson } from '../kernel/json.ts'
import type { IdentityId } from '../kernel/ids.ts'
import { type Picture, type PicturedIdentity, picturedIdentity } from './configuration-picture.ts'
import type { Facts } from './facts.ts'
import { Slices } from './slices.ts'
import type { Desk } from './desk.ts'

/** A picture of one moment; it does not change any more. */
export interface StandingPicture extends Picture {
  /** SHA-256 in hex of everything in it. */
  readonly digest: string
  /** Another one once anything in the picture is another. */
  readonly revision: number
}

/** Identities are hashed in so many heaps by their names, so that one that changes costs the hashing of its heap. */
const heapsMax = 1_024

/** Of a name to the digest of what is pictured under it. */
type Heap = Map<string, string>

const kept = new WeakMap<Facts, KeptPicture>()

/** What is in force now. The first time it reads everybody, in slices. */
export async function currentPicture(desk: Pick<Desk, 'facts' | 'clock'>): Promise<StandingPicture> {
  const picture = keptPicture(desk.facts)
  await picture.catchUp(new Slices(desk.clock))
  return picture.now()
}

/** The same at once. Costs as much as has changed since it was asked for last. */
export function pictureNow({ facts }: Pick<Desk, 'facts'>): StandingPicture {
  return keptPicture(facts).now()
}

/** The digest of what would be in force: these identities as they are here, and everything else of `after`. */
export async function digestAfter(
  desk: Pick<Desk, 'facts' | 'clock'>,
  changed: readonly PicturedIdentity[],
  after: Omit<Picture, 'identities'>,
): Promise<string> {
  return keptPicture(desk.facts).digestWith(changed, after, new Slices(desk.clock))
}

function keptPicture(facts: Facts): KeptPicture {
  const known = kept.get(facts)
  if (known !== undefined) return known
  const picture = new KeptPicture(facts)
  kept.set(facts, picture)
  return picture
}

class KeptPicture {
  readonly #facts: Facts
  /** Those of whom something was heard since. */
  readonly #touched: Set<IdentityId>
  readonly #heaps: Heap[] = Array.from({ length: heapsMax }, () => new Map())
  /** Of each heap, 32 bytes; those in `#stale` are to be made anew. */
  readonly #digests = Buffer.alloc(heapsMax * 32)
  readonly #stale = new Set<number>(Array.from({ length: heapsMax }, (_, heap) => heap))
  #identities = new Map<string, PicturedIdentity>()
  /** Somebody holds the map, who must not see it change. */
  #isLent = false
  #revision = 0
  #others = ''
  #last: { readonly version: number; readonly picture: StandingPicture } | undefined

  constructor(facts: Facts) {
    this.#facts = facts
    this.#touched = new Set([...facts.identities()].map((identity) => identity.id))
    facts.onChange((change) => {
      if (change.kind === 'identity' && !('removed' in change)) this.#touched.add(change.record.id)
    })
  }

  async catchUp(slices: Slices): Promise<void> {
    while (this.#touched.size > 0 || this.#stale.size > 0) {
      this.#take(slices)
      this.#hashHeaps(slices)
      await slices.pause()
    }
  }

  now(): StandingPicture {
    const { version, policies } = this.#facts
    if (this.#last?.version === version && this.#touched.size === 0) return this.#last.picture
    this.#take()
    this.#hashHeaps()
    const issuers = new Map([...this.#facts.issuers()].map((each) => [each.id, each]))
    const services = new Map(this.#facts.services().map((each) => [each.id, each]))
    const applications = new Map(this.#facts.applications.all().map((each) => [each.id, each]))
    const others = othersDigest({ issuers, services, policies, applications })
    if (others !== this.#others) this.#revision += 1
    this.#others = others
    this.#isLent = true
    const digest = rootOf(this.#digests, this.#identities.size, others)
    const picture = { identities: this.#identities, issuers, services, policies, applications, digest, revision: this.#revision }
    this.#last = { version, picture }
    return picture
  }

  /** As `now`, with other identities. They are laid over what is there; nothing is kept of it. */
  async digestWith(changed: readonly PicturedIdentity[], after: Omit<Picture, 'identities'>, slices: Slices): Promise<string> {
    this.now()
    const revision = this.#revision
    const digests = Buffer.from(this.#digests)
    let size = this.#identities.size
    const over = new Map<number, PicturedIdentity[]>()
    for (const each of changed) {
      if (!this.#identities.has(each.name)) size += 1
      const heap = heapOf(each.name)
      const there = over.get(heap)
      if (there === undefined) over.set(heap, [each])
      else there.push(each)
    }
    for (const [heap, identities] of over) {
      await slices.pause()
      const laid = new Map(this.#heaps[heap])
      for (const each of identities) laid.set(each.name, digestOfOne(each))
      digests.set(heapDigest(laid), heap * 32)
    }
    // The heaps may have changed between two slices; who asked compared with what was, and hears so when it is written.
    if (this.now().revision !== revision) return this.digestWith(changed, after, slices)
    return rootOf(digests, size, othersDigest(after))
  }

  #take(slices?: Slices): void {
    for (const id of this.#touched) {
      if (slices?.isOver === true) return
      this.#touched.delete(id)
      const identity = this.#facts.identity(id)
      if (identity === undefined) continue
      const pictured = picturedIdentity(identity, (owner) => this.#facts.identity(owner)?.name)
      const digest = digestOfOne(pictured)
      const place = heapOf(pictured.name)
      const heap = this.#heaps[place]
      // What stays the same stays the same object: whoever compares sees it at once. Quarantine is not in the picture.
      if (heap === undefined || heap.get(pictured.name) === digest) continue
      if (this.#isLent) {
        this.#identities = new Map(this.#identities)
        this.#isLent = false
      }
      heap.set(pictured.name, digest)
      this.#identities.set(pictured.name, pictured)
      this.#stale.add(place)
      this.#revision += 1
    }
  }

  #hashHeaps(slices?: Slices): void {
    for (const place of this.#stale) {
      if (slices?.isOver === true) return
      this.#digests.set(heapDigest(this.#heaps[place] ?? new Map()), place * 32)
      this.#stale.delete(place)
    }
  }
}

/** FNV-1a. Whoever chose names that all fall into one heap would have it hashed whole each time, and nothing worse. */
function heapOf(name: string): number {
  let value = 0x811c9dc5
  for (let place = 0; place < name.length; place += 1) value = Math.imul(value ^ name.charCodeAt(place), 0x01000193)
  return (value >>> 0) % heapsMax
}

function digestOfOne(identity: PicturedIdentity): string {
  return hash('sha256', canonicalJson(identity), 'latin1')
}

function heapDigest(heap: Heap): Uint8Array {
  const digest = createHash('sha256')
  // Each digest is over the name too, so that their order alone is to be settled.
  for (const each of [...heap.values()].toSorted()) digest.update(each, 'latin1')
  return digest.digest()
}

function rootOf(digests: Uint8Array, identities: number, others: string): string {
  return createHash('sha256').update(`picture 2\n${identities}\n`).update(digests).update(others).digest('hex')
}

function othersDigest({ issuers, services, policies, applications }: Omit<Picture, 'identities'>): string {
  const digest = createHash('sha256')
  for (const things of [issuers, services]) {
    digest.update(`${things.size}\n`)
    for (const name of [...things.keys()].toSorted()) digest.update(`${canonicalJson(things.get(name))}\n`)
  }
  // The version of an application is over everything in it. Where there is none the digest is what it was before there were any.
  for (const name of [...applications.keys()].toSorted()) digest.update(`${canonicalJson([name, applications.get(name)?.version])}\n`)
  return digest.update(policies?.version ?? 'none').digest('hex')
}
