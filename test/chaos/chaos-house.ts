/** A house for chaos: a data folder, a configuration, people with passkeys made in software, machines with secrets, a shop that counts. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DemoPerson } from '../../demo/person.ts'
import { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'
import type { Ready } from '../../src/cli/house.ts'
import { Remit } from '../../src/sdk/remit.ts'
import { CountingShop } from './counting-shop.ts'
import { type Environment, RemitProcess, type StartOptions } from './remit-process.ts'

const shopSecret = 'the-secret-of-the-shop'

/** Each has its own allowance of requests a minute. */
export const bots = ['reader', 'writer', 'counter', 'restarter', 'releaser', 'spare'] as const
export type Bot = (typeof bots)[number]
const people = ['ana', 'ben', 'eva'] as const
export type Name = (typeof people)[number]

const policies = `
@id("bots-may-work") @duration("20m") @maxDuration("1h")
permit (principal in Role::"bots", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "work" };

@id("releases-need-a-person") @approval("role:release-manager") @duration("15m") @maxDuration("1h")
permit (principal in Role::"releasers", action == Action::"request", resource in Service::"shop")
when { context.task.kind == "release" };

@id("restart-needs-a-person") @hold("role:sre")
forbid (principal, action == Action::"http:shop/restart", resource);
`

function configuration(upstream: string): string {
  return `version: 1
space: main
policies: ./policies
people: [{ name: ana }, { name: ben }, { name: eva }]
roles:
  sre: [ben, eva]
  release-manager: [eva, ben]
  operators: [ben]
  auditors: [eva]
  bots: [${bots.join(', ')}]
  releasers: [releaser]
identities:
${bots.map((name) => `  - { name: ${name}, kind: service-account, owner: ana }`).join('\n')}
services:
  - name: shop
    upstream: ${upstream}
    environment: prod
    impact: { data: moderate, service: moderate, safety: none }
    credential: { bearer: env:SHOP_SECRET }
    routes:
      - { name: look, method: GET, path: '/look/{id}', effect: read, impact: { data: low, service: low, safety: none } }
      - { name: read, method: GET, path: '/items/{id}', effect: read }
      - { name: put, method: PUT, path: '/items/{id}', effect: write }
      - { name: restart, method: POST, path: '/restarts/{id}', effect: execute }
      - { name: deploy, method: POST, path: '/deployments/{id}', effect: write, impact: { data: low, service: high, safety: none } }
`
}

/** A running Remit, and who may speak to it. */
export interface Running {
  readonly process: RemitProcess
  readonly ready: Ready
  readonly gateway: string
  readonly people: Readonly<Record<Name, DemoPerson>>
  as(name: Name | Bot): Remit
}

export class ChaosHouse {
  readonly root: string
  readonly data: string
  readonly shop: CountingShop
  readonly #env: Environment
  readonly #words: readonly string[]
  readonly #passkeys = new Map<Name, SoftwareAuthenticator>()
  readonly #secrets = new Map<Bot, string>()
  readonly #logins = new Map<Name, { readonly token: string; readonly until: number }>()
  /** The key of the ledger, as the first start told it. */
  vkey = ''

  private constructor(root: string, shop: CountingShop, options: { readonly env: Environment; readonly words: readonly string[] }) {
    this.root = root
    this.data = join(root, 'data')
    this.shop = shop
    this.#env = { SHOP_SECRET: shopSecret, ...options.env }
    this.#words = options.words
  }

  /** Makes the folder; `words` and `env` go with every start. */
  static async make(options: { readonly env?: Environment; readonly words?: readonly string[] } = {}): Promise<ChaosHouse> {
    const root = await mkdtemp(join(tmpdir(), 'remit-chaos-'))
    const shop = await CountingShop.open(shopSecret)
    await mkdir(join(root, 'policies'))
    await writeFile(join(root, 'policies', 'all.cedar'), policies)
    await writeFile(join(root, 'remit.yaml'), configuration(shop.url))
    return new ChaosHouse(root, shop, { env: options.env ?? {}, words: options.words ?? [] })
  }

  async remove(): Promise<void> {
    await this.shop.close()
    await rm(this.root, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 })
  }

  /** A process under way; `enter` waits for it. */
  spawn(options: Partial<StartOptions> = {}): RemitProcess {
    const { words = [], env = {}, ...rest } = options
    return RemitProcess.start({ data: this.data, words: [...this.#words, ...words], env: { ...this.#env, ...env }, ...rest })
  }

  /** The first start: everybody comes in and every machine gets its secret. */
  async found(options: Partial<StartOptions> = {}): Promise<Running> {
    const child = this.spawn({ ...options, words: ['-f', join(this.root, 'remit.yaml'), ...(options.words ?? [])] })
    const ready = await child.ready()
    const ana = await this.#register('ana', ready, ready.link ?? '')
    const asAna = new Remit({ url: ready.url, credential: { token: await this.#login('ana', ana, ready) } })
    for (const name of ['ben', 'eva'] as const) {
      const invited = await asAna.invite(name)
      if (!('link' in invited)) throw new Error(`${name} is to be configured`)
      await this.#register(name, ready, invited.link)
    }
    for (const bot of bots) this.#secrets.set(bot, (await asAna.issueSecret(bot, '1d')).secret)
    this.vkey = (await asAna.checkpoint()).key
    return this.enter(child)
  }

  /** Waits until it is ready; people sign in anew only where their sign-in has ended. */
  async enter(process: RemitProcess): Promise<Running> {
    const ready = await process.ready()
    const entered: [Name, DemoPerson][] = []
    for (const name of people) {
      const person = new DemoPerson(name, ready.pages, this.#passkeysOf(name))
      await person.signIn()
      await this.#login(name, person, ready)
      entered.push([name, person])
    }
    return {
      process,
      ready,
      gateway: ready.gateways[0]?.url ?? '',
      people: Object.fromEntries(entered) as Record<Name, DemoPerson>,
      as: (name) => new Remit({ url: ready.url, space: 'main', credential: this.#credential(name) }),
    }
  }

  /** Another node of the same Remit: whoever is signed in at one is at the other. */
  beside({ people }: Running, process: RemitProcess, ready: Ready): Running {
    const as: Running['as'] = (name) => new Remit({ url: ready.url, space: 'main', credential: this.#credential(name) })
    return { process, ready, people, gateway: ready.gateways[0]?.url ?? '', as }
  }

  start(options: Partial<StartOptions> = {}): Promise<Running> {
    return this.enter(this.spawn(options))
  }

  /** After a new epoch nobody's sign-in is good any more. */
  startAnew(options: Partial<StartOptions> = {}): Promise<Running> {
    this.#logins.clear()
    return this.start(options)
  }

  /** Every machine gets a new secret. */
  async comeInAgain(running: Running): Promise<void> {
    for (const bot of bots) this.#secrets.set(bot, (await running.as('ana').issueSecret(bot, '1d')).secret)
  }

  secretOf(bot: Bot): string {
    return this.#secrets.get(bot) ?? ''
  }

  #credential(name: Name | Bot): { readonly secret: string } | { readonly token: string } {
    const secret = bots.find((each) => each === name)
    return secret === undefined ? { token: this.#logins.get(name as Name)?.token ?? '' } : { secret: this.secretOf(secret) }
  }

  #passkeysOf(name: Name): SoftwareAuthenticator {
    const known = this.#passkeys.get(name) ?? new SoftwareAuthenticator()
    this.#passkeys.set(name, known)
    return known
  }

  async #register(name: Name, ready: Ready, link: string): Promise<DemoPerson> {
    const person = new DemoPerson(name, ready.pages, this.#passkeysOf(name))
    await person.register(link)
    return person
  }

  /** `remit login`, without the wait between two polls: the code is confirmed before the first. */
  async #login(name: Name, person: DemoPerson, { url }: Ready): Promise<string> {
    const known = this.#logins.get(name)
    if (known !== undefined && known.until > Date.now()) return known.token
    const begun = await post(`${url}/oauth/device_authorization`, {})
    await person.confirmCommandLine(textOf(begun, 'user_code'))
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const token = textOf(await post(`${url}/oauth/token`, { grant_type, device_code: textOf(begun, 'device_code') }), 'access_token')
    this.#logins.set(name, { token, until: Date.now() + 40 * 60_000 })
    return token
  }
}

async function post(url: string, form: Readonly<Record<string, string>>): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) })
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status} ${text}`)
  return JSON.parse(text)
}

function textOf(value: unknown, name: string): string {
  const member: unknown = typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  if (typeof member !== 'string') throw new Error(`the answer has no ${name}`)
  return member
}

export interface Knocked {
  readonly status: number
  /** Of a refusal: `grant.missing`. */
  readonly code?: string
  readonly hold?: string
}

/** One request through the gateway, which waits for nobody's approval. Throws when nobody answers. */
export async function knock(gateway: string, token: string, target: string): Promise<Knocked> {
  const [method = '', path = ''] = target.split(' ')
  const response = await fetch(`${gateway}${path}`, { method, headers: { authorization: `Bearer ${token}`, prefer: 'wait=0' } })
  const text = await response.text()
  if (response.ok) return { status: response.status }
  const body: unknown = JSON.parse(text)
  const member = (name: string): string | undefined => {
    const value: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, name) : undefined
    return typeof value === 'string' ? value : undefined
  }
  const hold = holdOf(body)
  return {
    status: response.status,
    code: (member('type') ?? '').replace('urn:remit:refusal:', ''),
    ...(hold === undefined ? {} : { hold }),
  }
}

function holdOf(body: unknown): string | undefined {
  const hold: unknown = typeof body === 'object' && body !== null ? Reflect.get(body, 'hold') : undefined
  if (typeof hold === 'string') return hold
  const id: unknown = typeof hold === 'object' && hold !== null ? Reflect.get(hold, 'id') : undefined
  return typeof id === 'string' ? id : undefined
}
