/** Clients that never stop asking through their gateways, and an upstream that keeps when what arrived. */
import type { CountingShop } from '../chaos/counting-shop.ts'
import { type Knocked, knock } from '../chaos/chaos-house.ts'

const everyMs = 5

export interface Edge {
  readonly name: string
  readonly url: string
}

/** One client of each gateway, under one token, until it is stopped. */
export class Traffic {
  readonly answers = new Map<string, Knocked[]>()
  readonly #running: Promise<void>[] = []
  readonly #label: string
  readonly #shop: CountingShop
  #isStopped = false

  constructor(shop: CountingShop, label: string, edges: readonly Edge[], token: string) {
    this.#shop = shop
    this.#label = label
    for (const edge of edges) this.#running.push(this.#ask(edge, token))
  }

  async #ask({ name, url }: Edge, token: string): Promise<void> {
    const answers: Knocked[] = []
    this.answers.set(name, answers)
    for (let turn = 0; !this.#isStopped; turn += 1) {
      const answer = await knock(url, token, `PUT /items/${this.#label}-${name}-${turn}`).catch((): Knocked => ({ status: 0 }))
      answers.push(answer)
      await new Promise((resolve) => setTimeout(resolve, everyMs))
    }
  }

  /** What the upstream received of it through one gateway, in milliseconds of `performance.now()`. */
  received(edge: string): readonly number[] {
    const start = `PUT /items/${this.#label}-${edge}-`
    return this.#shop.received.flatMap(({ target, at }) => (target.startsWith(start) ? [at] : []))
  }

  /** Resolves when the upstream received something through every one of these after the moment. */
  async flows(edges: readonly string[], after: number): Promise<void> {
    const isThere = (edge: string) => (this.received(edge).at(-1) ?? 0) > after
    for (const end = performance.now() + 30_000; !edges.every(isThere); ) {
      if (performance.now() > end)
        throw new Error(`nothing flows: ${JSON.stringify([...this.answers].map(([edge, each]) => [edge, each.at(-1)]))}`)
      await new Promise((resolve) => setTimeout(resolve, 10))
    }
  }

  async stop(): Promise<void> {
    this.#isStopped = true
    await Promise.all(this.#running)
  }
}
