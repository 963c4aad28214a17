/** The far side of the feed's bench, in a process of its own: an upstream with endless answers and their clients, or many gateways. */
import { createPrivateKey } from 'node:crypto'
import { createServer, request, type ServerResponse } from 'node:http'
import { Journal } from '../src/control/journal.ts'
import { FedGateway } from '../src/feed/fed-gateway.ts'
import { type FeedLink, messageBytesMax, waitingBytesMax } from '../src/feed/link.ts'
import { makeChance } from '../src/host/chance.ts'
import { makeClock } from '../src/host/clock.ts'
import { makeDial } from '../src/host/feed-dial.ts'
import { makeSigner } from '../src/host/key-files.ts'
import { makeTokenReader } from '../src/host/token-mint.ts'
import type { GatewayId } from '../src/kernel/ids.ts'
import { mustBe } from '../src/kernel/result.ts'
import { memoryJournalDisk } from '../test/world/journal-disk.ts'

/** One gateway that is enrolled already. Texts are PEM. */
export interface Member {
  readonly id: GatewayId
  readonly name: string
  readonly gateway: string
  readonly certificate: string
  readonly key: string
  readonly authority: string
  readonly journal: { readonly name: string; readonly key: string }
}

export type ToPeers =
  | { readonly ask: 'upstream' }
  | {
      readonly ask: 'open'
      readonly urls: readonly string[]
      readonly streams: readonly { readonly grant: string; readonly token: string }[]
      readonly each: number
    }
  | { readonly ask: 'closed'; readonly grant: string }
  | { readonly ask: 'follow'; readonly port: number; readonly members: readonly Member[] }
  /** For each gateway the version up to which it has to come. */
  | { readonly ask: 'applied'; readonly versions: readonly number[] }
  | { readonly ask: 'load'; readonly port: number; readonly member: Member }

/** Instants are of the machine's monotonic clock, in nanoseconds, so that two processes read the same. */
export type FromPeers =
  | { readonly says: 'upstream'; readonly origin: string }
  | { readonly says: 'flowing' }
  | { readonly says: 'closed'; readonly at: readonly bigint[] }
  | { readonly says: 'following' }
  | { readonly says: 'applied'; readonly applied: readonly (readonly Applied[])[] }
  | { readonly says: 'loaded'; readonly milliseconds: number }

interface Applied {
  readonly version: number
  readonly at: bigint
}

const chunkEveryMs = 250
const slices = 25
const chunk = `${'x'.repeat(63)}\n`
const silenceMs = 15_000
const clock = makeClock({ floor: 0 })

const closedAt = new Map<string, { readonly at: bigint[]; open: number; done: () => void }>()
const followers: Follower[] = []

process.on('message', (message: ToPeers) => void answer(message))
process.on('disconnect', () => process.exit(0))

function say(message: FromPeers): void {
  process.send?.(message)
}

async function answer(message: ToPeers): Promise<void> {
  switch (message.ask) {
    case 'upstream':
      return say({ says: 'upstream', origin: await startUpstream() })
    case 'open':
      // A few at a time, as clients come: all at once would measure how they are turned away.
      for (const stream of message.streams)
        await Promise.all(
          Array.from({ length: message.each }, (_, place) => openStream(message.urls[place % message.urls.length] ?? '', stream)),
        )
      return say({ says: 'flowing' })
    case 'closed': {
      const of = closedAt.get(message.grant)
      if (of === undefined) throw new Error('no such streams')
      if (of.open > 0) await new Promise<void>((resolve) => (of.done = resolve))
      return say({ says: 'closed', at: of.at })
    }
    case 'follow':
      for (const member of message.members) followers.push(await Follower.start(message.port, member))
      await Promise.all(followers.map((each) => each.reached(1)))
      return say({ says: 'following' })
    case 'applied':
      await Promise.all(followers.map((each, place) => each.reached(message.versions[place] ?? 0)))
      return say({ says: 'applied', applied: followers.map(({ applied }) => applied) })
    case 'load': {
      const began = performance.now()
      const follower = await Follower.start(message.port, message.member)
      await follower.reached(1)
      const milliseconds = performance.now() - began
      await follower.close()
      return say({ says: 'loaded', milliseconds })
    }
  }
}

function startUpstream(): Promise<string> {
  const open = new Set<ServerResponse>()
  const server = createServer((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    response.write(chunk)
    open.add(response)
    response.on('close', () => open.delete(response))
  })
  // A few at a time: a burst on all of them would be what is measured.
  let turn = 0
  setInterval(() => {
    turn = (turn + 1) % slices
    let place = 0
    for (const response of open) {
      if (place % slices === turn) response.write(chunk)
      place += 1
    }
  }, chunkEveryMs / slices).unref()
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      resolve(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
    })
  })
}

/** Resolves when its first bytes are here; notes when it ends, however it ends. */
function openStream(url: string, { grant, token }: { readonly grant: string; readonly token: string }): Promise<void> {
  const of = closedAt.get(grant) ?? { at: [], open: 0, done: () => undefined }
  closedAt.set(grant, of)
  of.open += 1
  const ended = () => {
    of.at.push(process.hrtime.bigint())
    of.open -= 1
    if (of.open === 0) of.done()
  }
  return new Promise((resolve, reject) => {
    const asked = request(`${url}/incidents`, { agent: false, headers: { authorization: `Bearer ${token}` } }, (response) => {
      response.once('data', (bytes: Buffer) => {
        if (response.statusCode === 200) resolve()
        else reject(new Error(`a stream was refused: ${response.statusCode} ${bytes.toString()}`))
      })
      response.on('data', () => undefined)
      response.on('error', () => undefined)
      response.on('close', ended)
    })
    asked.on('error', reject)
    asked.end()
  })
}

/** A gateway without a protocol to serve: it follows, applies and confirms as any other. */
class Follower {
  readonly applied: Applied[] = []
  #waiting: { readonly version: number; readonly done: () => void } | undefined
  readonly #stop: () => Promise<void>

  private constructor(stop: () => Promise<void>) {
    this.#stop = stop
  }

  static async start(port: number, member: Member): Promise<Follower> {
    const signer = makeSigner(createPrivateKey(member.journal.key), member.journal.name)
    const journal = mustBe(await Journal.open({ signer, disk: memoryJournalDisk(), clock }))
    const dial = makeDial({
      addresses: [{ host: '127.0.0.1', port }],
      authority: member.authority,
      identity: () => ({ certificate: member.certificate, key: member.key }),
      limits: { messageBytesMax, waitingBytesMax, silenceMs },
    })
    const fed = new FedGateway({
      self: { id: member.id, space: 'main', name: member.name, gateway: member.gateway },
      dial: async () => follower.#heard(await dial()),
      clock,
      monotonic: () => performance.now(),
      chance: makeChance(),
      journal,
      makeTokenReader,
      software: 'bench',
      alarm: (says, cause) => process.stderr.write(`bench: ${member.name}: ${says} ${cause instanceof Error ? cause.message : ''}\n`),
    })
    const follower = new Follower(async () => {
      await fed.close()
      await journal.close()
    })
    fed.start()
    return follower
  }

  /** Hears what it confirms. */
  #heard(link: FeedLink): FeedLink {
    return {
      get waitingBytes() {
        return link.waitingBytes
      },
      send: (message) => {
        link.send(message)
        const [, version] = /^\{"type":"applied","version":(\d+)\}$/.exec(message) ?? []
        if (version === undefined) return
        this.applied.push({ version: Number(version), at: process.hrtime.bigint() })
        if (this.#waiting !== undefined && Number(version) >= this.#waiting.version) this.#waiting.done()
      },
      onMessage: (listener) => link.onMessage(listener),
      onClose: (listener) => link.onClose(listener),
      close: (reason) => link.close(reason),
    }
  }

  async reached(version: number): Promise<void> {
    if ((this.applied.at(-1)?.version ?? 0) >= version) return
    await new Promise<void>((done) => (this.#waiting = { version, done }))
  }

  close(): Promise<void> {
    return this.#stop()
  }
}
