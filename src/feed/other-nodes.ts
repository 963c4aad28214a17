/** Other control nodes of the same database: they are asked whether the gateways that are theirs have stopped, and answer the same question. */
import { canonicalJson, isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import type { Clock, Nodes, Store } from '../control/ports.ts'
import type { Confirmation, Mark, Stopped, Stoppers, Stopping } from '../control/stopping.ts'
import { stoppedAfter } from './feed-seats.ts'

export interface OtherNodesParts {
  readonly nodes: Nodes
  readonly store: Pick<Store, 'space' | 'catchUp'>
  readonly stopping: Stopping
  readonly clock: Pick<Clock, 'now' | 'after'>
}

/** What is said may be lost. */
const askAgainMs: Milliseconds = 250
/** Confirmations in one notice, which is bounded; a name has at most 64 characters. */
const namedAtOnce = 25
/** Questions of others that are worked on at the same time; further ones come again. */
const askedMax = 1_000

/** The same for whoever asks again; a version is never another change's. */
interface Question {
  readonly version: number
  readonly upTo: number
}

/**
 * Who does not answer has stopped after a lease and drift all the same: a node that hears nothing serves nothing, and what runs by its leave
 * has its own end.
 */
export class OtherNodes implements Stoppers {
  /** Each node writes down what was confirmed to it. */
  readonly isElsewhere = false
  readonly #parts: OtherNodesParts
  readonly #answers = new Set<(from: string, answer: JsonObject) => void>()
  readonly #asked = new Set<string>()

  constructor(parts: OtherNodesParts) {
    this.#parts = parts
  }

  /** Answers from now on, and asks whenever something ends here. */
  join(): void {
    this.#parts.nodes.onNotice((text, from) => this.#hear(text, from))
    this.#parts.stopping.join(this)
  }

  confirm(mark: Mark, upTo: number): readonly Stopped[] {
    return this.#parts.nodes.node === '' ? [] : [this.#confirmed(mark, upTo)]
  }

  async #confirmed(mark: Mark, upTo: number): Promise<readonly Confirmation[]> {
    const { nodes, clock } = this.#parts
    const until = steady(clock) + stoppedAfter
    // Whoever comes after this moment knows of the change from its start.
    const others = await nodes.present().catch(() => nodes.others())
    const question = { version: mark.version, upTo }
    const all = await Promise.all(others.map((node) => this.#confirmedBy(node, { question, since: mark.at, until })))
    return all.flat()
  }

  /** What one node says of its gateways, or, where it says nothing in time, that it can be going on no more. */
  #confirmedBy(
    node: string,
    at: { readonly question: Question; readonly since: number; readonly until: number },
  ): Promise<readonly Confirmation[]> {
    const { nodes, clock, store } = this.#parts
    const { question, since, until } = at
    return new Promise((resolve) => {
      const parts = new Map<number, readonly Confirmation[]>()
      let callOff = () => {}
      const end = (confirmed: readonly Confirmation[]) => {
        callOff()
        this.#answers.delete(hear)
        resolve(confirmed)
      }
      const hear = (from: string, answer: JsonObject) => {
        if (from !== node || answer['version'] !== question.version || answer['upTo'] !== question.upTo) return
        const now = clock.now()
        parts.set(Number(answer['part']), readConfirmations(answer['gateways'], { since, now }))
        if (parts.size === answer['parts']) end([...parts.values()].flat())
      }
      this.#answers.add(hear)
      const ask = () => {
        const now = clock.now()
        const left = until - steady(clock)
        if (left <= 0) return end([{ gateway: `node ${node}`, how: 'lapsed', milliseconds: now - since, at: now }])
        nodes.tell(canonicalJson({ what: 'have yours stopped', of: node, space: store.space, at: since, ...question }))
        callOff = clock.after(Math.min(askAgainMs, left), ask)
      }
      ask()
    })
  }

  #hear(text: string, from: string): void {
    const read = parseJson(text)
    if (!read.ok || !isJsonObject(read.value) || read.value['space'] !== this.#parts.store.space) return
    const said = read.value
    if (said['of'] !== this.#parts.nodes.node) return
    if (said['what'] === 'they have') for (const hear of this.#answers) hear(from, said)
    if (said['what'] === 'have yours stopped') void this.#answer(from, said)
  }

  async #answer(from: string, { version, upTo, at }: JsonObject): Promise<void> {
    if (typeof version !== 'number' || typeof upTo !== 'number' || typeof at !== 'number') return
    const key = `${from} ${version} ${upTo}`
    if (this.#asked.has(key) || this.#asked.size >= askedMax) return
    this.#asked.add(key)
    const { nodes, store, stopping } = this.#parts
    try {
      // What was committed before the question is applied now: in this process it has stopped by that.
      await store.catchUp()
      const confirmed = await stopping.confirmedHere({ version, at }, upTo, this)
      const named = confirmed.map(({ gateway, how, isElsewhere }) => ({ gateway: isElsewhere ? gateway : `${gateway}@${nodes.node}`, how }))
      const parts = Math.max(1, Math.ceil(named.length / namedAtOnce))
      for (let part = 0; part < parts; part += 1) {
        const gateways = named.slice(part * namedAtOnce, (part + 1) * namedAtOnce)
        nodes.tell(canonicalJson({ what: 'they have', of: from, space: store.space, version, upTo, part, parts, gateways }))
      }
    } catch {
      // It cannot look: whoever asks waits until nothing here can be going on any more.
    } finally {
      this.#asked.delete(key)
    }
  }
}

function readConfirmations(
  value: JsonValue | undefined,
  { since, now }: { readonly since: number; readonly now: number },
): readonly Confirmation[] {
  if (!Array.isArray(value)) return []
  return value.flatMap((each: JsonValue) => {
    if (!isJsonObject(each) || typeof each['gateway'] !== 'string') return []
    const { gateway, how } = each
    // Measured here: the clocks of two machines differ.
    return [{ gateway, how: how === 'confirmed' ? 'confirmed' : 'lapsed', milliseconds: Math.max(0, now - since), at: now } as const]
  })
}

/** What no clock that is set forward makes longer. */
function steady(clock: Clock): Milliseconds {
  return clock.monotonic?.() ?? clock.now()
}
