/** Signs of life of grants, from one control node to the others: what is used at one is not idle at any. */
import { every } from '../kernel/every.ts'
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { Activity } from '../control/activity.ts'
import type { Clock, Nodes } from '../control/ports.ts'

export interface SharedLifeParts {
  readonly nodes: Nodes
  readonly space: string
  readonly activity: Activity
  readonly clock: Pick<Clock, 'now' | 'after'>
  /** Whether a grant is one that may still be used: of others nothing is remembered. */
  readonly isOpen: (grant: string) => boolean
}

/** Well below the time after which a wrapper that is not heard counts as gone. */
const everyMs: Milliseconds = 1_000
/** Each is told twice: what is said may be lost. */
const toldAgainMs: Milliseconds = 2 * everyMs
/** Signs in one notice, which is bounded. */
const signsAtOnce = 40
const sourceStart = 'node '

/** From `begin` to `stop`. Nothing is ended for what is heard here; what was lost is told again a second later. */
export class SharedLife {
  readonly #parts: SharedLifeParts
  readonly #heard = new Set<string>()
  #stop: (() => void) | undefined

  constructor(parts: SharedLifeParts) {
    this.#parts = parts
  }

  begin(): void {
    this.#parts.nodes.onNotice((text, from) => this.#hear(text, from))
    this.#tellAgain()
    this.#stop = every(this.#parts.clock, everyMs, () => this.#tellAgain())
  }

  stop(): void {
    this.#stop?.()
  }

  #tellAgain(): void {
    const { nodes, activity } = this.#parts
    const others = nodes.others()
    for (const node of this.#heard) {
      if (others.includes(node)) continue
      this.#heard.delete(node)
      activity.lost(`${sourceStart}${node}`)
    }
    if (others.length > 0) this.#tell()
  }

  /** Ages, and no instants: the clocks of two machines differ. */
  #tell(): void {
    const { clock, nodes, activity, space } = this.#parts
    const now = clock.now()
    const isOurs = (gateway: string) => !gateway.startsWith(sourceStart)
    const signs = [...activity.since(now - toldAgainMs, isOurs)].map(({ grant, lastUse, lastCall, underWay }) => ({
      grant,
      ...(underWay > 0 ? { used: 0, underWay } : lastUse > 0 ? { used: now - lastUse } : {}),
      ...(lastCall > 0 ? { called: now - lastCall } : {}),
    }))
    for (let from = 0; from === 0 || from < signs.length; from += signsAtOnce)
      nodes.tell(canonicalJson({ what: 'alive', space, isFirst: from === 0, signs: signs.slice(from, from + signsAtOnce) }))
  }

  #hear(text: string, from: string): void {
    const { activity, space } = this.#parts
    const read = parseJson(text)
    if (!read.ok || !isJsonObject(read.value)) return
    const { what, isFirst, signs } = read.value
    if (what !== 'alive' || read.value['space'] !== space || !Array.isArray(signs)) return
    this.#heard.add(from)
    // Whatever is still under way there is told anew.
    if (isFirst === true) activity.lost(`${sourceStart}${from}`)
    signs.forEach((sign: JsonValue) => {
      if (isJsonObject(sign)) this.#take(sign, from)
    })
  }

  #take({ grant, used, called, underWay = 0 }: JsonObject, from: string): void {
    const { activity, clock } = this.#parts
    if (typeof grant !== 'string' || !this.#parts.isOpen(grant)) return
    const now = clock.now()
    if (typeof used === 'number' && typeof underWay === 'number')
      activity.report(`${sourceStart}${from}`, { grant, lastUse: now - used, underWay })
    if (typeof called === 'number' && now - called > (activity.lastCall(grant) ?? 0)) activity.called(grant, now - called)
  }
}
