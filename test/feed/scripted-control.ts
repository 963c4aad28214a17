/** A control node that says what a test tells it to, over links without a wire, to a real gateway. */
import assert from 'node:assert/strict'
import type { Dial, FeedLink } from '../../src/feed/link.ts'
import { type FromControl, type FromGateway, leaseMs, type Welcome } from '../../src/feed/messages.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import type { EnrolledGateway } from '../../src/model/gateways.ts'
import { linkPair } from '../world/link-pair.ts'
import type { MachineClock } from './fed-machine.ts'
import { settled } from './scripted-gateway.ts'

export const edge: EnrolledGateway = {
  id: 'gtw_01J00000000000000000000000',
  space: 'main',
  name: 'edge-1',
  gateway: 'http',
  state: 'enrolled',
  codeHash: '',
  codeEndsAt: 0,
  invitedAt: 0,
}

type Of<T extends FromGateway['type']> = Extract<FromGateway, { readonly type: T }>

/** One link, at control's end. */
export class ScriptedLink {
  readonly heard: FromGateway[] = []
  readonly #link: FeedLink
  closed: string | undefined

  constructor(link: FeedLink) {
    this.#link = link
    link.onMessage((text) => this.heard.push(JSON.parse(text) as FromGateway))
    link.onClose((reason) => {
      this.closed = reason
    })
  }

  async say(...messages: readonly (FromControl | Record<string, unknown>)[]): Promise<void> {
    for (const message of messages) this.#link.send(canonicalJson(message))
    await settled()
  }

  async sayText(text: string): Promise<void> {
    this.#link.send(text)
    await settled()
  }

  /** Answers the newest renewal. */
  async lease(more: Partial<Extract<FromControl, { type: 'lease' }>> = {}): Promise<void> {
    await this.say({ type: 'lease', n: this.last('renew').n, now: 0, disputed: false, ...more })
  }

  async close(): Promise<void> {
    this.#link.close('the test cuts it')
    await settled()
  }

  all<T extends FromGateway['type']>(type: T): Of<T>[] {
    return this.heard.filter((message): message is Of<T> => message.type === type)
  }

  last<T extends FromGateway['type']>(type: T): Of<T> {
    return this.all(type).at(-1) ?? assert.fail(`no ${type} came; ${this.closed ?? 'the link is open'}`)
  }
}

export class ScriptedControl {
  readonly links: ScriptedLink[] = []
  isReachable = true
  dials = 0

  readonly dial: Dial = async () => {
    this.dials += 1
    if (!this.isReachable) throw new Error('nobody answers there')
    const [gateway, control] = linkPair()
    this.links.push(new ScriptedLink(control))
    return gateway
  }

  get link(): ScriptedLink {
    return this.links.at(-1) ?? assert.fail('nobody dialled')
  }
}

export function welcome(clock: MachineClock, more: Partial<Welcome> = {}): Welcome {
  return {
    type: 'welcome',
    protocol: 2,
    id: edge.id,
    space: edge.space,
    name: edge.name,
    gateway: edge.gateway,
    epoch: 1,
    node: 'scripted',
    now: clock.now(),
    leaseMs,
    pages: { origin: 'https://remit.test', rpId: 'remit.test' },
    resumes: false,
    ...more,
  }
}

export const noSnapshot = { type: 'snapshot', version: 10, records: 0, at: 0 } as const
export const changes = { type: 'changes', after: 10, version: 11, at: 0, changes: [], forget: [] } as const
