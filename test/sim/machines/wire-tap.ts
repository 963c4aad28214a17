/** Reads along what gateways and control say to each other, with the true time: who renewed when, and who says what is applied. */
import type { Outside } from './outside.ts'
import type { Schedule } from './schedule.ts'

/** One connection as it was seen: the times at which its renewals were sent. */
export interface Tapped {
  readonly gateway: string
  readonly renewals: Map<number, number>
}

/** Longer messages carry records, and nothing that this reads. */
const lengthMax = 400

export class WireTap {
  readonly #schedule: Schedule
  readonly #outside: Outside

  constructor(schedule: Schedule, outside: Outside) {
    this.#schedule = schedule
    this.#outside = outside
  }

  opened(gateway: string): Tapped {
    this.#outside.linked(gateway)
    return { gateway, renewals: new Map() }
  }

  closed({ gateway }: Tapped): void {
    this.#outside.unlinked(gateway)
  }

  /** The gateway hands a message to its connection. */
  sent({ renewals, gateway }: Tapped, text: string): void {
    const message = read(text)
    this.#schedule.say(`> ${gateway} ${text.length > 160 ? `${text.slice(0, 150)} … ${text.length}` : text}`)
    if (message?.['type'] === 'renew') renewals.set(Number(message['n']), this.#schedule.now)
  }

  /** A message of the gateway has come to control. */
  heard({ gateway }: Tapped, text: string): void {
    const message = read(text)
    if (message?.['type'] === 'applied') this.#outside.acknowledged(gateway, Number(message['version']))
  }

  /** A message of control has come to the gateway. */
  came({ gateway, renewals }: Tapped, text: string): void {
    const message = read(text)
    this.#schedule.say(`< ${gateway} ${text.length > 160 ? `${text.slice(0, 150)} … ${text.length}` : text}`)
    const sentAt = message?.['type'] === 'lease' ? renewals.get(Number(message['n'])) : undefined
    if (sentAt !== undefined) this.#outside.leased(gateway, sentAt)
  }
}

function read(text: string): Readonly<Record<string, unknown>> | undefined {
  return text.length > lengthMax ? undefined : JSON.parse(text)
}
