/** A whole Remit with its API listening on a free port: real store, ledger, policies, tokens and passkeys. */
import { generateKeyPairSync, createSecretKey, type KeyObject } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { buildApi } from '../../src/api/api.ts'
import type { ApiParts } from '../../src/api/parts.ts'
import { makeSecret } from '../../src/control/credentials.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { controlAudience, TokenReader } from '../../src/control/identify.ts'
import { gatewayControl } from '../../src/control/gateway-control.ts'
import { beginRegistration, finishRegistration, finishSignIn, beginSignIn, firstLink, makeInvitation } from '../../src/control/people.ts'
import type { GatewayControl } from '../../src/control/ports.ts'
import { makeChance } from '../../src/host/chance.ts'
import { makeClock } from '../../src/host/clock.ts'
import { makeSigner } from '../../src/host/key-files.ts'
import { makePasskeys } from '../../src/host/passkeys.ts'
import { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'
import type { JsonObject } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { type House, type HouseParts, openHouse } from '../../src/main/house.ts'
import { roomMetrics } from '../../src/main/room-metrics.ts'
import { memoryJournalDisk } from '../world/journal-disk.ts'
import { checker } from '../world/world.ts'
import { found } from '../world/configure.ts'
import { shopDocument } from '../world/shop.ts'

export interface Logged {
  readonly says: string
  readonly facts: Readonly<Record<string, unknown>> | undefined
}

export interface ApiHouse {
  readonly house: House
  readonly gateway: GatewayControl
  readonly port: number
  /** `http://localhost:PORT`, where people sign. */
  readonly origin: string
  /** Signs its ledger: another house with it is a fork. */
  readonly ledgerKey: KeyObject
  readonly logged: Logged[]
  /** A control token of a machine by its name, or of a person as their command line would have it. */
  token(name: string): Promise<string>
  /** The API secret of a machine. */
  secret(name: string): Promise<string>
  /** A one-time link for a person, as a path. */
  invitation(name: string): Promise<string>
  /** Registers a software passkey for a person by the deeds themselves. */
  register(name: string): Promise<SoftwareAuthenticator>
  /** The cookie of a person signed in by the deeds themselves. */
  cookie(name: string): Promise<string>
  /** The passkeys of a person who was registered here. */
  authenticator(name: string): SoftwareAuthenticator
  close(): Promise<void>
}

const key = () => generateKeyPairSync('ed25519').privateKey
const source = (path: string) => readFileSync(new URL(`../../src/${path}`, import.meta.url), 'utf8')

export async function openApiHouse(
  options: {
    readonly document?: JsonObject
    readonly hosts?: readonly string[]
    readonly sequencer?: ApiParts['sequencer']
    readonly ledgerKey?: KeyObject
    readonly clientDocuments?: NonNullable<ApiParts['clientDocuments']>
    readonly serviceUrl?: ApiParts['serviceUrl']
    /** One that a test moves on: limits on how often pass, and tokens end. */
    readonly clock?: HouseParts['clock']
  } = {},
): Promise<ApiHouse> {
  const folder = mkdtempSync(join(tmpdir(), 'remit-api-'))
  const ledgerKey = options.ledgerKey ?? key()
  const logged: Logged[] = []
  let origin = 'http://localhost'
  const house = mustBe(
    await openHouse({
      rooms: [
        {
          space: 'main',
          gateway: makeSigner(key(), 'remit.test/http'),
          tokens: key(),
          journalDisk: () => Promise.resolve(memoryJournalDisk()),
          pages: () => ({ origin, rpId: 'localhost' }),
        },
      ],
      place: { kind: 'file', path: join(folder, 'remit.db') },
      clock: options.clock ?? makeClock({ floor: 0 }),
      chance: makeChance(),
      keys: {
        ledger: makeSigner(ledgerKey, 'remit.test/ledger'),
        master: { primary: createSecretKey(Buffer.alloc(32, 7)) },
      },
      demo: true,
      passkeys: makePasskeys,
      checker,
      shipped: [{ name: 'desk.cedar', text: source('decision/desk.cedar') }],
      alarm: (says, cause) => {
        throw new Error(says, { cause })
      },
    }),
  )
  await found(house.desk, options.document ?? shopDocument())
  const note = (says: string, facts?: Readonly<Record<string, unknown>>) => void logged.push({ says, facts })
  const app = buildApi({
    desk: house.desk,
    reader: new TokenReader(house.desk, controlAudience('main')),
    activity: house.gate.activity,
    sequencer: options.sequencer ?? house.sequencer,
    ledger: house.ledger,
    journals: [house.journal],
    serviceUrl: options.serviceUrl ?? ((service) => (service === 'shop' ? 'http://127.0.0.1:1' : undefined)),
    ...(options.clientDocuments === undefined ? {} : { clientDocuments: options.clientDocuments }),
    log: { info: note, warn: note, error: note },
    handOver: reveal,
    assets: { script: source('api/pages/remit-pages.js'), stylesheet: source('api/pages/remit-pages.css') },
    version: '0.0.0-test',
    metrics: roomMetrics(house.desk, undefined),
    ...(options.hosts === undefined ? {} : { hosts: options.hosts }),
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const address = app.server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  origin = `http://localhost:${port}`
  const people = new People(house, () => origin)
  return {
    house,
    gateway: gatewayControl(house.gate),
    port,
    origin,
    ledgerKey,
    logged,
    token: (name) => people.token(name),
    secret: (name) => people.secret(name),
    invitation: (name) => people.invitation(name),
    register: (name) => people.register(name),
    cookie: (name) => people.cookie(name),
    authenticator: (name) => people.authenticator(name),
    async close() {
      await app.close()
      await house.close()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

class People {
  readonly #house: House
  readonly #origin: () => string
  readonly #secrets = new Map<string, string>()
  readonly #authenticators = new Map<string, SoftwareAuthenticator>()

  constructor(house: House, origin: () => string) {
    this.#house = house
    this.#origin = origin
  }

  async token(name: string): Promise<string> {
    const { desk } = this.#house
    const identity = desk.facts.identityNamed(name)
    if (identity === undefined) throw new Error(`nobody is called ${name}`)
    if (identity.kind === 'human') return this.#personToken(identity.id)
    return reveal(
      mustBe(
        await exchangeToken(desk, { subjectToken: await this.secret(name), subjectTokenType: tokenTypes.secret, address: '127.0.0.1' }),
      ).token,
    )
  }

  async secret(name: string): Promise<string> {
    const known = this.#secrets.get(name)
    if (known !== undefined) return known
    const { desk } = this.#house
    const identity = desk.facts.identityNamed(name)
    if (identity === undefined) throw new Error(`nobody is called ${name}`)
    const secret = reveal(
      mustBe(await desk.store.change((tx) => makeSecret(desk, tx, { identity, by: 'test', lifetime: 86_400_000 }))).secret,
    )
    this.#secrets.set(name, secret)
    return secret
  }

  async #personToken(id: string): Promise<string> {
    const { desk } = this.#house
    const [passkey] = await desk.store.read((tx) => tx.find('passkey', { person: id }))
    if (passkey === undefined) throw new Error('this person has no passkey yet')
    const now = desk.clock.now()
    const jti = desk.chance.id('tok', now)
    const audience = controlAudience(desk.space)
    return reveal(
      await desk.mint.issue({
        jti,
        space: desk.space,
        chain: [id],
        provedBy: passkey.id,
        audience,
        issuedAt: now,
        expiresAt: now + 3_600_000,
        proved: {},
      }),
    )
  }

  async invitation(name: string): Promise<string> {
    const { desk } = this.#house
    const first = mustBe(await firstLink(desk))
    if (first !== undefined) return `/register/${reveal(first)}`
    return `/register/${reveal(mustBe(await desk.store.change((tx) => makeInvitation(desk, tx, { name, by: 'test' }))).link)}`
  }

  async register(name: string): Promise<SoftwareAuthenticator> {
    const { desk } = this.#house
    const link = (await this.invitation(name)).slice('/register/'.length)
    const authenticator = new SoftwareAuthenticator()
    const begun = mustBe(await beginRegistration(desk, { link, name }))
    const wish = { challenge: begun.challenge, rp: { id: 'localhost' }, user: { id: begun.person.id }, pubKeyCredParams: [{ alg: -7 }] }
    const response = authenticator.register(wish, this.#origin()) as unknown as JsonObject
    mustBe(await finishRegistration(desk, { link, name, challenge: begun.challenge, response }))
    this.#authenticators.set(name, authenticator)
    return authenticator
  }

  authenticator(name: string): SoftwareAuthenticator {
    const known = this.#authenticators.get(name)
    if (known === undefined) throw new Error(`${name} is not registered yet`)
    return known
  }

  async cookie(name: string): Promise<string> {
    const { desk } = this.#house
    const authenticator = this.#authenticators.get(name) ?? (await this.register(name))
    const { challenge } = mustBe(await beginSignIn(desk))
    const response = authenticator.sign({ challenge, rpId: 'localhost' }, this.#origin()) as unknown as JsonObject
    return `remit-person-main=${reveal(mustBe(await finishSignIn(desk, { challenge, response })).cookie)}`
  }
}
