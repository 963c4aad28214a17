/** Laws broken on purpose, by wrapping ports from outside: each must be found. */
import type { FeedLink } from '../../../src/feed/link.ts'
import type { HostClock } from '../../../src/host/clock.ts'
import { canonicalJson } from '../../../src/kernel/json.ts'
import type { Machine } from './machine.ts'

export const plantNames = ['ack-before-drain', 'double-spend', 'lease-on-one-clock'] as const
export type PlantName = (typeof plantNames)[number]

export interface Clocks {
  readonly clock: HostClock
  readonly monotonic: () => number
}

/**
 * `lease-on-one-clock`: the wall clock is what the monotonic one says since the start, so that a machine that slept takes its lease for
 * young. (The other way round a lease cannot be had longer than the drift that control waits for: a clock that goes back behind its
 * beginning ends it.)
 */
export function clocksOf(machine: Machine, plant: PlantName | undefined): Clocks {
  const monotonic = () => machine.monotonic()
  const start = machine.wall() - machine.monotonic()
  return { clock: machine.clock(plant === 'lease-on-one-clock' ? { wall: () => Math.floor(start + machine.monotonic()) } : {}), monotonic }
}

/** How long a link that confirms by itself keeps what it confirmed. */
const keptMs = 400

/** The gateway's end of its link, as the gateway sees it. */
export function wrapLink(link: FeedLink, machine: Machine, plant: PlantName | undefined): FeedLink {
  switch (plant) {
    case 'ack-before-drain':
      return acknowledging(link, machine)
    case 'double-spend':
      return spendingAlone(link, machine)
    default:
      return link
  }
}

/** Tells control that changes bind before the gateway has even heard of them. */
function acknowledging(link: FeedLink, machine: Machine): FeedLink {
  const { schedule } = machine
  const said = new Set<unknown>()
  let delivery = 0
  return around(link, {
    send: (text) => {
      const message = read(text)
      if (message['type'] !== 'applied' || !said.delete(message['version'])) link.send(text)
    },
    onMessage: (listener) => {
      link.onMessage((text) => {
        const message = read(text)
        const isNews = message['type'] === 'changes'
        if (isNews) {
          said.add(message['version'])
          link.send(canonicalJson({ type: 'applied', version: Number(message['version']) }))
        }
        delivery = Math.max(delivery, schedule.now + (isNews ? keptMs : 0))
        schedule.at(delivery, () => machine.receive(() => listener(text)))
      })
    },
  })
}

/** A second home beside the first: it says yes to every counted use, and tells nobody. */
function spendingAlone(link: FeedLink, machine: Machine): FeedLink {
  let hear: (text: string) => void = () => undefined
  return around(link, {
    send: (text) => {
      const { type, id, ask } = read(text)
      const { what, hold, line, uses } = type === 'ask' ? asObject(ask) : {}
      const isSettled = what === 'settle' && line !== undefined && hold === undefined
      if (!isSettled && what !== 'reserve') {
        link.send(text)
        return
      }
      const answer = what === 'reserve' ? { ok: true, uses: Number(uses) } : { ok: true }
      machine.schedule.after(1, () => machine.receive(() => hear(canonicalJson({ type: 'answer', id: Number(id), answer }))))
    },
    onMessage: (listener) => {
      hear = listener
      link.onMessage(listener)
    },
  })
}

function around(link: FeedLink, { send, onMessage }: Pick<FeedLink, 'send' | 'onMessage'>): FeedLink {
  return {
    send,
    onMessage,
    onClose: (listener) => link.onClose(listener),
    close: (reason) => link.close(reason),
    get waitingBytes() {
      return link.waitingBytes
    },
  }
}

function read(text: string): Readonly<Record<string, unknown>> {
  return JSON.parse(text)
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? { ...value } : {}
}
