/**
 * Two control nodes, two gateways and a database as real processes on machines of their own (network namespaces), with traffic flowing
 * all the time: a gateway is cut off, control nodes are killed in the middle of what they do, the database is restarted. What the upstream
 * received is held against what control said had stopped. `npm run sim -- --namespaces`; needs to be root, and `ip` of iproute2.
 */
import assert from 'node:assert/strict'
import { cp, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { driftMs, leaseMs } from '../../src/feed/messages.ts'
import { ChaosHouse, type Running } from '../chaos/chaos-house.ts'
import { RemitProcess } from '../chaos/remit-process.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { type Machine, Network } from './network.ts'
import { type Relay, relay } from './relay.ts'
import { type Edge, Traffic } from './traffic.ts'

const port = { pages: 8720, feed: 8721 } as const
/** What a busy machine may take beyond what is promised, before it is said to be broken. */
const graceMs = 500

interface Confirmed {
  readonly gateway: string
  readonly how?: string
}

/** Runs the whole scenario and says what it saw. Throws at the first law that is broken. */
export async function runMachines(tell: (line: string) => void): Promise<void> {
  const scene = await Scene.open(tell)
  try {
    await scene.run()
  } finally {
    await scene.close()
  }
}

class Scene {
  readonly #tell: (line: string) => void
  readonly #network = new Network()
  readonly #server: PostgresServer
  readonly #house: ChaosHouse
  readonly #relays: Relay[] = []
  readonly #machines: Readonly<Record<'a' | 'b' | 'one' | 'two', Machine>>
  readonly #gateways = new Map<string, RemitProcess>()
  readonly #nodes = new Map<'a' | 'b', Running>()
  #edges: readonly Edge[] = []
  #database = ''
  #traffic = 0

  private constructor(tell: (line: string) => void, server: PostgresServer, house: ChaosHouse) {
    this.#tell = tell
    this.#server = server
    this.#house = house
    const add = (name: string) => this.#network.add(name)
    this.#machines = { a: add('control-a'), b: add('control-b'), one: add('edge-1'), two: add('edge-2') }
  }

  static async open(tell: (line: string) => void): Promise<Scene> {
    const server = await PostgresServer.start()
    const house = await ChaosHouse.make()
    return new Scene(tell, server, house)
  }

  async close(): Promise<void> {
    for (const each of this.#gateways.values()) await each.kill()
    for (const { process } of this.#nodes.values()) await process.kill()
    for (const each of this.#relays) each.close()
    this.#network.close()
    await this.#house.remove()
    await this.#server.remove()
  }

  async run(): Promise<void> {
    await this.#found()
    await this.#revokeConnected()
    await this.#revokeCutOff()
    await this.#killWhileRevoking()
    await this.#restartDatabase()
    this.#tell('machines: every law held')
  }

  /** Everything up: the database, two nodes, two gateways that know both. */
  async #found(): Promise<void> {
    const { here } = this.#network
    const database = await this.#server.empty()
    const { port: to } = await this.#relay({ host: here.control, port: 0 }, this.#server.address)
    const { hostname, port: shopPort } = new URL(this.#house.shop.url)
    const shop = await this.#relay({ host: here.traffic, port: 0 }, { host: hostname, port: Number(shopPort) })
    const file = join(this.#house.root, 'remit.yaml')
    const text = await readFile(file, 'utf8')
    await writeFile(file, text.replace(this.#house.shop.url, `http://${shop.host}:${shop.port}\n    gateway: edge`))
    this.#database = this.#server.url(database, to).replace(this.#server.address.host, here.control)
    // Passkeys belong to the name of the pages, which is localhost.
    await this.#relay({ host: '127.0.0.1', port: port.pages }, { host: this.#machines.a.address.control, port: port.pages })
    this.#nodes.set('a', await this.#house.found(this.#node('a')))
    await cp(join(this.#house.data, 'keys'), join(this.#house.root, 'b', 'keys'), { recursive: true })
    this.#nodes.set('b', await this.#start('b'))
    this.#edges = [await this.#enrol('edge-1', this.#machines.one), await this.#enrol('edge-2', this.#machines.two)]
    this.#tell(
      `machines: control on ${this.#machines.a.address.control} and ${this.#machines.b.address.control}, ${this.#edges.map(({ name, url }) => `${name} at ${url}`).join(', ')}`,
    )
  }

  #node(name: 'a' | 'b') {
    const { address, through } = this.#machines[name]
    const listen = `${address.control}:${port.feed}`
    const words = [
      '--name',
      address.control,
      '--host',
      address.control,
      '--plaintext',
      '--port',
      `${port.pages}`,
      '--gateways',
      listen,
      '--database',
      'env:DATABASE_URL',
      '--node',
      name,
    ]
    return { data: name === 'a' ? this.#house.data : join(this.#house.root, 'b'), words, env: { DATABASE_URL: this.#database }, through }
  }

  /** Of a node that was there before. Whoever is signed in at one is at both. */
  async #start(name: 'a' | 'b'): Promise<Running> {
    const process = this.#house.spawn(this.#node(name))
    const ready = await process.ready()
    const other = this.#nodes.get(name === 'a' ? 'b' : 'a')
    if (other === undefined) throw new Error('there is another node')
    return this.#house.beside(other, process, ready)
  }

  async #enrol(name: string, machine: Machine): Promise<Edge> {
    const { code } = await this.#at('a').as('ana').inviteGateway({ name, gateway: 'edge' })
    const control = (['a', 'b'] as const).flatMap((node) => ['--control', `${this.#machines[node].address.control}:${port.feed}`])
    const words = [
      'gateway',
      ...control,
      '--enrol',
      code,
      '--data',
      join(this.#house.root, name),
      '--host',
      machine.address.traffic,
      '--plaintext',
      '--json',
    ]
    const gateway = new RemitProcess(words, { through: machine.through })
    this.#gateways.set(name, gateway)
    const line = await said(gateway, (each) => each.includes('"news":"ready"') && each.includes('http://'))
    const { services } = JSON.parse(line) as { readonly services: readonly { readonly url: string }[] }
    return { name, url: services[0]?.url ?? '' }
  }

  #at(name: 'a' | 'b'): Running {
    const node = this.#nodes.get(name)
    if (node === undefined) throw new Error(`${name} is not there`)
    return node
  }

  async #relay(from: { host: string; port: number }, to: { host: string; port: number }): Promise<Relay> {
    const made = await relay(from, to)
    this.#relays.push(made)
    return made
  }

  /** A grant at work through both gateways. */
  async #begin(at: Running): Promise<{ readonly id: string; readonly traffic: Traffic }> {
    const client = at.as('writer')
    const { id } = await client.requestGrant({ task: 'work', statement: 'on machines of its own', scope: ['shop/put'] })
    await client.activate(id)
    const { access_token: token } = await client.sessionToken(id, { gateway: 'edge' })
    this.#traffic += 1
    const traffic = new Traffic(this.#house.shop, `t${this.#traffic}`, this.#edges, token)
    await traffic.flows(['edge-1', 'edge-2'], performance.now())
    return { id, traffic }
  }

  /** Nothing may arrive after control has said that it stopped. */
  async #revoke(at: Running, { id, traffic }: { readonly id: string; readonly traffic: Traffic }): Promise<readonly Confirmed[]> {
    const began = performance.now()
    const { confirmed } = await at.as('ben').revoke(id, 'enough', { timeoutMs: 60_000 })
    const ended = performance.now()
    await new Promise((resolve) => setTimeout(resolve, 500))
    await traffic.stop()
    for (const { name } of this.#edges) {
      const last = traffic.received(name).at(-1) ?? 0
      assert.ok(last <= ended, `${name} forwarded ${(last - ended).toFixed(1)} ms after control said that it had stopped`)
      this.#tell(
        `machines:   ${name}: last forwarded ${(last - began).toFixed(1)} ms after it was asked for, ${(ended - last).toFixed(1)} ms before it was confirmed`,
      )
    }
    this.#tell(
      `machines:   confirmed in ${(ended - began).toFixed(1)} ms: ${confirmed.map(({ gateway, how }) => `${gateway} ${how ?? ''}`).join(', ')}`,
    )
    return confirmed
  }

  async #revokeConnected(): Promise<void> {
    this.#tell('machines: revoked with both gateways connected')
    const confirmed = await this.#revoke(this.#at('b'), await this.#begin(this.#at('a')))
    for (const { name } of this.#edges)
      assert.ok(
        confirmed.some(({ gateway, how }) => gateway === name && how === 'confirmed'),
        JSON.stringify(confirmed),
      )
  }

  async #revokeCutOff(): Promise<void> {
    this.#tell('machines: edge-1 is cut off from control with traffic flowing, then revoked')
    const work = await this.#begin(this.#at('a'))
    const cut = performance.now()
    this.#machines.one.cut()
    const confirmed = await this.#revoke(this.#at('a'), work)
    assert.ok(
      confirmed.some(({ gateway, how }) => gateway === 'edge-1' && how === 'lapsed'),
      JSON.stringify(confirmed),
    )
    const last = work.traffic.received('edge-1').at(-1) ?? 0
    assert.ok(last - cut <= leaseMs + graceMs, `edge-1 forwarded ${(last - cut).toFixed(0)} ms after it was cut off`)
    const refusals = work.traffic.answers.get('edge-1') ?? []
    this.#tell(
      `machines:   edge-1 forwarded for ${(last - cut).toFixed(0)} ms after the cut (lease ${leaseMs}, drift ${driftMs}), then refused: ${[...new Set(refusals.map(({ code }) => code).filter((code) => code !== undefined))].join(', ')}`,
    )
    this.#machines.one.join()
    const back = performance.now()
    const again = await this.#begin(this.#at('a'))
    this.#tell(`machines:   back and serving ${(performance.now() - back).toFixed(0)} ms after it was joined`)
    await this.#revoke(this.#at('a'), again)
  }

  async #killWhileRevoking(): Promise<void> {
    for (const delay of [0, 2, 10, 50]) {
      this.#tell(`machines: control a is killed ${delay} ms after it was asked to revoke`)
      const work = await this.#begin(this.#at('b'))
      const asked = this.#at('a')
        .as('ben')
        .revoke(work.id, 'and dies', { timeoutMs: 60_000 })
        .then(
          () => true,
          () => false,
        )
      await new Promise((resolve) => setTimeout(resolve, delay))
      await this.#at('a').process.kill()
      await asked
      // Whether it was kept or not: asked again, it is so everywhere.
      await this.#revoke(this.#at('b'), work)
      this.#nodes.set('a', await this.#start('a'))
    }
  }

  async #restartDatabase(): Promise<void> {
    this.#tell('machines: the database is killed with traffic flowing, and comes back')
    const work = await this.#begin(this.#at('a'))
    await this.#server.kill()
    const gone = performance.now()
    await new Promise((resolve) => setTimeout(resolve, leaseMs + 1_000))
    for (const { name } of this.#edges) {
      const last = work.traffic.received(name).at(-1) ?? 0
      assert.ok(last - gone <= leaseMs + graceMs, `${name} forwarded ${(last - gone).toFixed(0)} ms after the database was gone`)
      this.#tell(`machines:   ${name} forwarded for ${(last - gone).toFixed(0)} ms without a database`)
    }
    await this.#server.up()
    const up = performance.now()
    await work.traffic.flows(['edge-1', 'edge-2'], up)
    this.#tell(`machines:   traffic flows again ${(performance.now() - up).toFixed(0)} ms after the database is back`)
    await this.#revoke(this.#at('b'), work)
  }
}

/** The first line of a process that is so. */
async function said(process: RemitProcess, isIt: (line: string) => boolean): Promise<string> {
  for (const end = performance.now() + 60_000; ; ) {
    const line = process.stdout.split('\n').find(isIt)
    if (line !== undefined) return line
    if (!process.isAlive || performance.now() > end) throw new Error(`${process.stdout}${process.stderr}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
