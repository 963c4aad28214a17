/** A whole Remit without sockets: real store, ledger, policies, passkeys and tokens, under a clock and a chance of the test's own. */
import { readFileSync } from 'node:fs'
import { answer, prepareAnswer, type Answered } from '../../src/control/answer.ts'
import type { Caller, Desk } from '../../src/control/desk.ts'
import { makeSecret } from '../../src/control/credentials.ts'
import { type Exchanged, exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { controlAudience, gatewayAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'
import { gatewayControl } from '../../src/control/gateway-control.ts'
import { beginRegistration, finishRegistration, firstLink, makeInvitation } from '../../src/control/people.ts'
import type { JournalDisk } from '../../src/control/journal-reading.ts'
import type { Bearer, GatewayControl } from '../../src/control/ports.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import { makePasskeys } from '../../src/host/passkeys.ts'
import { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe, type Result } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import type { Narrowing } from '../../src/model/grants.ts'
import type { Identity } from '../../src/model/identities.ts'
import { type House, type HouseParts, httpGateway, openHouse, type Room, type RoomParts } from '../../src/main/house.ts'
import { seededChance } from './chance.ts'
import { TestClock } from './clock.ts'
import { found } from './configure.ts'
import { memoryJournalDisk } from './journal-disk.ts'
import { seededKeys } from './keys.ts'

export const origin = 'http://localhost:4000'
const rpId = 'localhost'
export const here = '127.0.0.1'

export interface World {
  readonly house: House
  readonly desk: Desk
  readonly clock: TestClock
  readonly gateway: GatewayControl
  /** Signs in `name` as an identity of the API: a caller as the endpoints see it. `actor` acts for it. */
  caller(name: string, actor?: string): Promise<Caller>
  secretOf(name: string): Promise<string>
  exchange(name: string, options?: ExchangeOptions): Promise<Result<Exchanged>>
  /** A bearer at the gateway, with a token that names this grant (or none). */
  bearer(name: string, grant?: string, actor?: string): Promise<Bearer>
  person(name: string): Identity
  /** The whole ceremony: question, signature, answer. */
  answer(person: string, subject: string, decision: 'approve' | 'deny', narrowing?: Narrowing): Promise<Result<Answered>>
  sign(person: string, challenge: string, credentialIds: readonly string[]): JsonObject
  /** Gives a person a (further) passkey by this link. */
  register(name: string, link: string): Promise<void>
  /** The passkeys of its people, private keys included, and the secrets that were asked for. */
  save(): string
  /** Closes the house and opens it again on the same store: `house`, `desk` and `gateway` are others from then on. */
  restart(): Promise<void>
  close(): Promise<void>
}

export interface ExchangeOptions {
  readonly grant?: string
  readonly audience?: string
  readonly address?: string
  /** Who acts for it, by its own secret. */
  readonly actor?: string
}

export interface WorldOptions {
  readonly seed?: number
  readonly document: JsonObject
  /** A file, where the world is to be restarted; in memory unless said. */
  readonly storePath?: string
}

/** Opens the world with its configuration applied and every configured person holding a passkey. */
export async function openWorld({ seed = 1, document, storePath = ':memory:' }: WorldOptions): Promise<World> {
  const clock = new TestClock()
  return openWorldOf({ ...testParts(seed, storePath, clock), clock }, document)
}

/** The same with parts of one's own. */
export async function openWorldOf(parts: WorldParts, document: JsonObject): Promise<World> {
  const house = mustBe(await openHouse(parts))
  await found(house.desk, document)
  const world = new OpenWorld(house, parts)
  await world.registerEverybody()
  return world
}

/** Two spaces in one house, each with its own people: worlds that share store, ledger and clock, and nothing else. */
export async function openTwoSpaces(documents: readonly [JsonObject, JsonObject]): Promise<readonly [World, World]> {
  const clock = new TestClock()
  const parts = testParts(1, ':memory:', clock)
  const { room } = seededKeys(2)
  const second: RoomParts = { ...room, space: 'plant', journalDisk: sameDisk(memoryJournalDisk()), pages: () => ({ origin, rpId }) }
  const both: WorldParts = { ...parts, clock, rooms: [parts.rooms[0], second] }
  const house = mustBe(await openHouse(both))
  const worlds = [new OpenWorld(house, both), new OpenWorld(house, both, 1)] as const
  for (const [place, world] of worlds.entries()) {
    await found(world.desk, documents[place] ?? {})
    await world.registerEverybody()
  }
  return worlds
}

/** A world that another process began: its people sign with the passkeys that `save` wrote down. */
export async function reopenWorld(parts: WorldParts, saved: string): Promise<World> {
  const world = new OpenWorld(mustBe(await openHouse(parts)), parts)
  world.restore(saved)
  return world
}

export type WorldParts = HouseParts & { readonly clock: TestClock }

/** One disk for every epoch: for worlds that stay in their first, and see each line that follows. */
export function sameDisk(disk: JournalDisk): RoomParts['journalDisk'] {
  return () => Promise.resolve(disk)
}

/** One for all worlds of a process: its own process is started once. It goes when nobody asks it any more. */
export const checker = new PolicyChecker()

/** What a world is made of, for whoever wants a house without the people in it. */
export function testParts(seed: number, storePath: string, clock: TestClock): HouseParts {
  const { keys, room } = seededKeys(seed)
  return {
    rooms: [{ ...room, space: 'main', journalDisk: sameDisk(memoryJournalDisk()), pages: () => ({ origin, rpId }) }],
    place: { kind: 'file', path: storePath },
    clock,
    chance: seededChance(seed),
    keys,
    demo: true,
    passkeys: makePasskeys,
    checker,
    shipped: [{ name: 'desk.cedar', text: readFileSync(new URL('../../src/decision/desk.cedar', import.meta.url), 'utf8') }],
    alarm: (says, cause) => {
      throw new Error(says, { cause })
    },
  }
}

class OpenWorld implements World {
  house: House
  gateway: GatewayControl
  readonly clock: TestClock
  readonly #parts: HouseParts
  #reader: TokenReader
  readonly #authenticators = new Map<string, SoftwareAuthenticator>()
  readonly #secrets = new Map<string, string>()

  /** Which of the house's spaces it is. */
  readonly #place: number

  constructor(house: House, parts: WorldParts, place = 0) {
    this.house = house
    this.clock = parts.clock
    this.#parts = parts
    this.#place = place
    this.gateway = gatewayControl(this.#room.gate)
    this.#reader = new TokenReader(this.desk, controlAudience(this.desk.space))
  }

  get #room(): Room {
    return this.house.rooms[this.#place] ?? this.house
  }

  async restart(): Promise<void> {
    await this.house.close()
    this.house = mustBe(await openHouse(this.#parts))
    this.gateway = gatewayControl(this.#room.gate)
    this.#reader = new TokenReader(this.desk, controlAudience(this.desk.space))
  }

  get desk(): Desk {
    return this.#room.desk
  }

  async registerEverybody(): Promise<void> {
    const people = [...this.desk.facts.people()].map((person) => person.name).toSorted()
    const [first] = people
    for (const name of people) {
      const link =
        name === first
          ? mustBe(await firstLink(this.desk))
          : mustBe(await this.desk.store.change((tx) => makeInvitation(this.desk, tx, { name, by: 'test' }))).link
      if (link === undefined) throw new Error('no first link')
      await this.register(name, reveal(link))
    }
  }

  async register(name: string, link: string): Promise<void> {
    const authenticator = new SoftwareAuthenticator()
    const begun = mustBe(await beginRegistration(this.desk, { link, name }))
    const options = {
      challenge: begun.challenge,
      rp: { id: rpId, name: 'Remit' },
      user: { id: begun.person.id, name, displayName: name },
      pubKeyCredParams: [{ alg: -7 }],
    }
    const response = authenticator.register(options, origin) as unknown as JsonObject
    mustBe(await finishRegistration(this.desk, { link, name, challenge: begun.challenge, response }))
    this.#authenticators.set(name, authenticator)
  }

  save(): string {
    const passkeys = Object.fromEntries([...this.#authenticators].map(([name, authenticator]) => [name, authenticator.save()]))
    return JSON.stringify({ passkeys, secrets: Object.fromEntries(this.#secrets) })
  }

  restore(saved: string): void {
    const { passkeys, secrets }: Record<'passkeys' | 'secrets', Record<string, string>> = JSON.parse(saved)
    for (const [name, text] of Object.entries(passkeys)) this.#authenticators.set(name, SoftwareAuthenticator.restore(text))
    for (const [name, secret] of Object.entries(secrets)) this.#secrets.set(name, secret)
  }

  async secretOf(name: string): Promise<string> {
    const known = this.#secrets.get(name)
    if (known !== undefined && this.desk.facts.isProofLive(known.slice('rmt_'.length, 'rmt_'.length + 30), this.clock.now())) return known
    const identity = this.person(name)
    const issued = mustBe(await this.desk.store.change((tx) => makeSecret(this.desk, tx, { identity, by: 'test', lifetime: 86_400_000 })))
    const secret = reveal(issued.secret)
    this.#secrets.set(name, secret)
    return secret
  }

  async exchange(name: string, options: ExchangeOptions = {}): Promise<Result<Exchanged>> {
    const { grant, audience, address = here, actor } = options
    const subject = await this.#proofOf(name)
    const acting = actor === undefined ? undefined : await this.#proofOf(actor)
    return exchangeToken(this.desk, {
      subjectToken: subject.token,
      subjectTokenType: subject.type,
      address,
      ...(acting === undefined ? {} : { actorToken: acting.token, actorTokenType: acting.type }),
      ...(grant === undefined ? {} : { grant }),
      ...(audience === undefined ? {} : { audience }),
    })
  }

  async #proofOf(name: string): Promise<{ readonly token: string; readonly type: string }> {
    const identity = this.person(name)
    if (identity.kind !== 'human') return { token: await this.secretOf(name), type: tokenTypes.secret }
    return { token: await this.#commandLineToken(identity), type: tokenTypes.access }
  }

  async caller(name: string, actor?: string): Promise<Caller> {
    const exchanged = mustBe(await this.exchange(name, actor === undefined ? {} : { actor }))
    return mustBe(await identifyCaller(this.desk, this.#reader, reveal(exchanged.token), here))
  }

  /** A person's command line has a token that rests on their passkey. */
  async #commandLineToken(person: Identity): Promise<string> {
    const passkeys = await this.desk.store.read((tx) => tx.find('passkey', { person: person.id }))
    const passkey = passkeys.find((each) => each.revokedAt === undefined)
    const now = this.clock.now()
    const claims = {
      jti: this.desk.chance.id('tok', now),
      space: this.desk.space,
      chain: [person.id],
      provedBy: passkey?.id ?? '',
      audience: controlAudience(this.desk.space),
      issuedAt: now,
      expiresAt: now + 3_600_000,
      proved: {},
    }
    return reveal(await this.desk.mint.issue(claims))
  }

  async bearer(name: string, grant?: string, actor?: string): Promise<Bearer> {
    const audience = gatewayAudience(this.desk.space, httpGateway)
    const options = { audience, ...(grant === undefined ? {} : { grant }), ...(actor === undefined ? {} : { actor }) }
    const exchanged = mustBe(await this.exchange(name, options))
    return mustBe(await this.gateway.identify(reveal(exchanged.token), here))
  }

  person(name: string): Identity {
    const identity = this.desk.facts.identityNamed(name)
    if (identity === undefined) throw new Error(`nobody is called ${name}`)
    return identity
  }

  sign(person: string, challenge: string, credentialIds: readonly string[]): JsonObject {
    const authenticator = this.#authenticators.get(person)
    if (authenticator === undefined) throw new Error(`${person} has no passkey`)
    const allowCredentials = credentialIds.map((id) => ({ id, type: 'public-key' as const }))
    return authenticator.sign({ challenge, rpId, allowCredentials }, origin) as unknown as JsonObject
  }

  async answer(person: string, subject: string, decision: 'approve' | 'deny', narrowing: Narrowing = {}): Promise<Result<Answered>> {
    const identity = this.person(person)
    const prepared = await prepareAnswer(this.desk, identity, { subject: subject as never, decision, narrowing })
    if (!prepared.ok) return prepared
    const { challenge, credentialIds } = prepared.value
    return answer(this.desk, identity, { challenge, response: this.sign(person, challenge, credentialIds) })
  }

  async close(): Promise<void> {
    await this.house.close()
  }
}
