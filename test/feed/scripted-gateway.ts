/** A gateway that says what a test tells it to, over a link without a wire, to a real control. */
import assert from 'node:assert/strict'
import { note } from '../../src/control/desk.ts'
import type { TokenClaims } from '../../src/control/ports.ts'
import { FeedServer, type FeedServerParts } from '../../src/feed/feed-server.ts'
import type { FeedLink } from '../../src/feed/link.ts'
import type { Answered, Ask, FromControl, FromGateway } from '../../src/feed/messages.ts'
import { canonicalJson, type JsonObject } from '../../src/kernel/json.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { upstreamSecret } from '../../src/control/upstream-secret.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import { step, gatewayLife } from '../../src/model/lives.ts'
import { linkPair } from '../world/link-pair.ts'
import type { World } from '../world/world.ts'

export interface Served {
  readonly server: FeedServer
  readonly alarms: string[]
}

/** Control's half over a world's desk. */
export function serve(world: World, parts: Partial<FeedServerParts> = {}): Served {
  const alarms: string[] = []
  const { desk } = world
  const server = new FeedServer({
    desk,
    epoch: 1,
    node: 'test',
    isDisputed: () => false,
    secretText: (service) => {
      const secret = upstreamSecret(desk, service)
      return secret.ok ? done(secret.value === undefined ? undefined : reveal(secret.value)) : secret
    },
    renewCertificate: () => Promise.resolve(refuse('input.invalid')),
    alarm: (says) => alarms.push(says),
    ...parts,
  })
  return { server, alarms }
}

export function keyOf(name: string): string {
  return Buffer.from(name.padEnd(32, '.')).toString('hex')
}

/** Puts a gateway where enrolment would have put it. */
export async function enrolled(world: World, name: string, gateway = 'http', journal?: string): Promise<EnrolledGateway> {
  const { store, chance, clock, space } = world.desk
  const id = chance.id('gtw', clock.now())
  const invited: EnrolledGateway = {
    id,
    space,
    name,
    gateway,
    state: 'invited',
    codeHash: keyOf(`${name}-code`),
    codeEndsAt: clock.now() + 60_000,
    invitedAt: clock.now(),
  }
  const record: EnrolledGateway = {
    ...invited,
    state: 'enrolled',
    key: keyOf(name),
    ...(journal === undefined ? {} : { journal }),
    enrolledAt: clock.now(),
  }
  for (const each of [invited, record]) {
    mustBe(
      await store.change(async (tx) => {
        await tx.put('gateway', each)
        await note(tx, { kind: `gateway.${each.state}`, actor: 'test', subject: id, facts: { name } })
        return done(undefined)
      }),
    )
  }
  return record
}

export async function removed(world: World, gateway: EnrolledGateway): Promise<void> {
  const state = step(gatewayLife, gateway.state, 'remove') ?? 'removed'
  mustBe(
    await world.desk.store.change(async (tx) => {
      await tx.put('gateway', { ...gateway, state, removedAt: tx.now })
      await note(tx, { kind: 'gateway.removed', actor: 'test', subject: gateway.id })
      return done(undefined)
    }),
  )
}

/** What happens next has happened: everything that only waits for other work of this process. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 20; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}

type Of<T extends FromControl['type']> = Extract<FromControl, { readonly type: T }>

export class ScriptedGateway {
  readonly heard: FromControl[] = []
  readonly link: FeedLink
  closed: string | undefined
  /** Whether it says `applied` for each version as soon as it has it. */
  acknowledges = true
  #asks = 0
  #renewals = 0

  constructor(server: FeedServer, key: string, onLink: (link: FeedLink) => FeedLink = (link) => link) {
    const [gateway, control] = linkPair()
    this.link = gateway
    gateway.onClose((reason) => {
      this.closed = reason
    })
    gateway.onMessage((text) => this.#hear(JSON.parse(text) as FromControl))
    server.accept(onLink(control), { key, address: '192.0.2.7' })
  }

  /** Through the welcome and whatever follows it. */
  static async welcomed(
    served: Served,
    name: string,
    hello: Partial<Extract<FromGateway, { type: 'hello' }>> = {},
  ): Promise<ScriptedGateway> {
    const gateway = new ScriptedGateway(served.server, keyOf(name))
    gateway.say({ type: 'hello', speaks: [2, 1], software: 'test', run: `${name}-1`, ...hello })
    await settled()
    return gateway
  }

  say(message: FromGateway): void {
    this.sayText(canonicalJson(message))
  }

  sayText(text: string): void {
    this.link.send(text)
  }

  /** Renews; answers whether a lease came. */
  async renew(): Promise<boolean> {
    this.#renewals += 1
    const n = this.#renewals
    this.say({ type: 'renew', n })
    await settled()
    return this.all('lease').some((lease) => lease.n === n)
  }

  async ask(ask: Ask): Promise<Answered> {
    this.#asks += 1
    const id = this.#asks
    this.say({ type: 'ask', id, ask })
    // Reading a token is work of another thread, which takes the time it takes.
    for (const since = performance.now(); performance.now() - since < 20_000; ) {
      const answer = this.all('answer').find((each) => each.id === id)
      if (answer !== undefined) return answer.answer
      await new Promise((resolve) => setImmediate(resolve))
    }
    return assert.fail(`no answer to ${ask.what}; ${this.closed ?? 'the link is open'}`)
  }

  all<T extends FromControl['type']>(type: T): Of<T>[] {
    return this.heard.filter((message): message is Of<T> => message.type === type)
  }

  last<T extends FromControl['type']>(type: T): Of<T> {
    return this.all(type).at(-1) ?? assert.fail(`no ${type} came; ${this.closed ?? 'the link is open'}`)
  }

  /** Everything that came of one kind of record, by snapshot or by change. */
  records(kind: string): { readonly id: string; readonly record: JsonObject }[] {
    const inSnapshot = this.all('record').flatMap((each) => (each.kind === kind ? [each.record] : []))
    const inChanges = this.all('changes').flatMap(({ changes }) =>
      changes.flatMap((each) => ('record' in each && each.kind === kind ? [each.record] : [])),
    )
    return [...inSnapshot, ...inChanges].map((record) => ({ id: record.id, record: record as unknown as JsonObject }))
  }

  get version(): number {
    return this.all('changes').at(-1)?.version ?? this.all('snapshot').at(-1)?.version ?? 0
  }

  #hear(message: FromControl): void {
    this.heard.push(message)
    if (!this.acknowledges || (message.type !== 'snapshot' && message.type !== 'changes')) return
    this.say({ type: 'applied', version: message.version })
  }
}

/** The claims of a bearer as a gateway elsewhere would have them. */
export function asAsked({ claims, address }: { readonly claims: TokenClaims; readonly address: string }): {
  claims: TokenClaims
  address: string
} {
  return { claims, address }
}
