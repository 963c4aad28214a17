/** What the feed's bench stands on: a control node in its own process, another process for whoever connects, and thousands of grants. */
import { type ChildProcess, fork } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import { journalName } from '../src/control/gateways.ts'
import { openFeedAuthority } from '../src/host/feed-authority.ts'
import { certificateRequest, keyHash } from '../src/host/feed-key.ts'
import { makeSigner } from '../src/host/key-files.ts'
import { makeLog } from '../src/host/logs.ts'
import type { JsonObject } from '../src/kernel/json.ts'
import { done, mustBe } from '../src/kernel/result.ts'
import { makeVkey } from '../src/ledger/note.ts'
import { type Feed, makeFeed } from '../src/main/feed.ts'
import type { Grant } from '../src/model/grants.ts'
import type { Identity } from '../src/model/identities.ts'
import { RealClock } from '../test/world/clock.ts'
import { openWorldOf, testParts, type World } from '../test/world/world.ts'
import type { FromPeers, Member, ToPeers } from './feed-peers.ts'
import { putAll } from './scale.ts'

/** A control node in this process, with its feed open. */
export interface Control {
  readonly world: World
  readonly feed: Feed
  readonly port: number
  readonly keys: string
  close(): Promise<void>
}

interface ControlInput {
  readonly keys: string
  readonly document: JsonObject
  readonly store?: string
  /** What is there already when its feed opens, as after a start. */
  readonly fill?: (world: World) => Promise<void>
}

export async function openControl({ keys, document, store = ':memory:', fill }: ControlInput): Promise<Control> {
  const clock = new RealClock()
  const world = await openWorldOf({ ...testParts(1, store, clock), clock }, document)
  await fill?.(world)
  const log = makeLog({ level: 'error' })
  const feed = await makeFeed(world.house, { keys, listen: { host: '127.0.0.1', port: 0 }, reachedAt: '127.0.0.1', log })
  const address = await feed.open()
  return {
    world,
    feed,
    keys,
    port: Number(address.slice(address.lastIndexOf(':') + 1)),
    close: async () => {
      await feed.close()
      await world.close()
    },
  }
}

/** The other process of a measurement: streams and their clients, or many gateways. */
export class Peers {
  readonly #child: ChildProcess
  readonly #gone: Promise<never>

  constructor() {
    this.#child = fork(fileURLToPath(new URL('feed-peers.ts', import.meta.url)), { serialization: 'advanced' })
    this.#gone = once(this.#child, 'exit').then(() => {
      throw new Error('the other process of the bench ended')
    })
    this.#gone.catch(() => undefined)
  }

  async ask<T extends FromPeers['says']>(message: ToPeers, says: T): Promise<Extract<FromPeers, { says: T }>> {
    this.#child.send(message)
    const gone = this.#gone
    for (;;) {
      const [answer] = (await Promise.race([once(this.#child, 'message'), gone])) as [FromPeers]
      if (answer.says === says) return answer as Extract<FromPeers, { says: T }>
    }
  }

  /** It is gone when this resolves: nobody complains of a control that ended before it. */
  async close(): Promise<void> {
    this.#child.disconnect()
    await this.#gone.catch(() => undefined)
  }
}

/** Grants like this one, each of a chain of its own of so many agents. */
export async function fillWith(world: World, model: Grant, count: number, links: number): Promise<void> {
  const { desk } = world
  const now = desk.clock.now()
  const owner = world.person('ana').id
  const made = Array.from(
    { length: count * links },
    (_, place): Identity => ({
      id: desk.chance.id('idn', now),
      space: desk.space,
      name: `one-${place}`,
      kind: 'ai-agent',
      owner,
      roles: ['incident-agents'],
      state: 'live',
      signsInBy: [],
      createdAt: now,
    }),
  )
  await putAll(world, made, 'identity')
  const lent = Array.from(
    { length: count },
    (_, place): Grant => ({
      ...model,
      id: desk.chance.id('grn', now),
      chain: made.slice(place * links, (place + 1) * links).map(({ id }) => id),
    }),
  )
  await putAll(world, lent, 'grant')
}

/** Gateways that exist in the store and have a certificate, without the conversation in which they would have got both. */
export async function enrolAll({ world, keys }: Pick<Control, 'world' | 'keys'>, names: readonly string[]): Promise<Member[]> {
  const { desk } = world
  const authority = mustBe(await openFeedAuthority(keys))
  const members: Member[] = []
  for (const name of names) {
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const key = keyHash(privateKey)
    const writer = generateKeyPairSync('ed25519').privateKey
    const { name: signedBy, publicKey } = makeSigner(writer, journalName(key))
    const { certificate } = mustBe(await authority.certify(certificateRequest(privateKey), key))
    const id = desk.chance.id('gtw', desk.clock.now())
    const gateway = name.startsWith('g-') ? name : 'edge'
    const at = desk.clock.now()
    mustBe(
      await desk.store.change(async (tx) => {
        await tx.put('gateway', {
          id,
          space: desk.space,
          name,
          gateway,
          state: 'enrolled',
          codeHash: key,
          codeEndsAt: at,
          key,
          journal: makeVkey(signedBy, publicKey),
          invitedAt: at,
          enrolledAt: at,
        })
        await tx.record({ kind: 'gateway.enrolled', actor: 'bench', subject: id, facts: { name } })
        return done(undefined)
      }),
    )
    members.push({
      id,
      name,
      gateway,
      certificate,
      key: privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      authority: authority.certificate,
      journal: { name: signedBy, key: writer.export({ format: 'pem', type: 'pkcs8' }).toString() },
    })
  }
  return members
}
