/** Figures for whoever watches, in the text that Prometheus reads. */
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { Milliseconds } from '../kernel/instants.ts'

/** How a gateway elsewhere stands, when somebody looks. */
export interface GatewayFigures {
  readonly gateway: string
  readonly isConnected: boolean
  /** Versions that concern it and are not applied there yet. */
  readonly lag: number
  /** How long it may still act without being heard. */
  readonly leaseLeft: Milliseconds
}

/** How many questions of AuthZEN were answered, and how, since the process began. */
export interface AnswerFigures {
  readonly about: string
  readonly decision: string
  readonly count: number
}

/** Names that figures are kept under: gateways come and go. */
const gatewaysMax = 1_000
const seconds = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 15]

/** Of one space: no two share a figure. */
export class Metrics {
  readonly #registry = new Registry()
  readonly #names = new Set<string>()
  readonly #stopSeconds: Histogram<'gateway'>
  readonly #drillSeconds: Histogram<'gateway'>
  readonly #connected: Gauge<'gateway'>
  readonly #lag: Gauge<'gateway'>
  readonly #lease: Gauge<'gateway'>
  readonly #count: Gauge
  readonly #answers: Counter<'about' | 'decision'>

  constructor() {
    const registers = [this.#registry]
    const labelNames = ['gateway'] as const
    const timed = { labelNames, buckets: seconds, registers }
    this.#stopSeconds = new Histogram({ name: 'remit_stop_seconds', help: 'From an end to its last cut connection, by gateway', ...timed })
    this.#drillSeconds = new Histogram({ name: 'remit_drill_seconds', help: 'The same, measured on a canary', ...timed })
    this.#connected = new Gauge({
      name: 'remit_gateway_connected',
      help: 'Whether a gateway elsewhere is connected',
      labelNames,
      registers,
    })
    this.#lag = new Gauge({ name: 'remit_feed_lag_versions', help: 'Versions that a gateway has yet to apply', labelNames, registers })
    this.#lease = new Gauge({
      name: 'remit_gateway_lease_seconds',
      help: 'How long a gateway may still act without being heard',
      labelNames,
      registers,
    })
    this.#answers = new Counter({
      name: 'remit_access_answers_total',
      help: 'Questions of AuthZEN that were answered, by application (remit: about what it guards) and answer',
      labelNames: ['about', 'decision'],
      registers,
    })
    this.#count = new Gauge({ name: 'remit_gateways_connected', help: 'Gateways elsewhere that are connected', registers })
  }

  stopped(gateway: string, milliseconds: Milliseconds): void {
    if (this.#isKept(gateway)) this.#stopSeconds.observe({ gateway }, milliseconds / 1_000)
  }

  drilled(gateway: string, milliseconds: Milliseconds): void {
    if (this.#isKept(gateway)) this.#drillSeconds.observe({ gateway }, milliseconds / 1_000)
  }

  get type(): string {
    return this.#registry.contentType
  }

  async text(gateways: readonly GatewayFigures[], answers: readonly AnswerFigures[] = []): Promise<string> {
    this.#answers.reset()
    for (const { about, decision, count } of answers) this.#answers.inc({ about, decision }, count)
    for (const gauge of [this.#connected, this.#lag, this.#lease]) gauge.reset()
    for (const { gateway, isConnected, lag, leaseLeft } of gateways) {
      this.#connected.set({ gateway }, isConnected ? 1 : 0)
      this.#lag.set({ gateway }, lag)
      this.#lease.set({ gateway }, leaseLeft / 1_000)
    }
    this.#count.set(gateways.filter(({ isConnected }) => isConnected).length)
    return this.#registry.metrics()
  }

  #isKept(gateway: string): boolean {
    if (this.#names.size < gatewaysMax) this.#names.add(gateway)
    return this.#names.has(gateway)
  }
}
