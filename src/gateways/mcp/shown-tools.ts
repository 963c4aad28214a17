/** What tools were when a caller was shown them first: what somebody has read of a tool is what they call it for. */
import type { HeardTool } from '../../control/pin-first.ts'
import { OwnerKeep } from './owner-keep.ts'
import type { Heard } from './tool-book.ts'

/** The grant that was shown something longest ago makes room. */
const grantsMax = 2_000
const toolsOfGrantMax = 200
/** Of all of them together, in characters; what is beyond is known by its hash alone. */
const textsMax = 8_388_608
/** Tools that were another one in the list that somebody read last; of longer definitions the hash alone is kept, in characters. */
const othersLimits = { ofOneMax: 200, max: 2_000 }
const otherTextMax = 8_192

type First = NonNullable<ReturnType<NonNullable<HeardTool['first']>>>

/** What a tool was in a list, and the hash that its grant went by then. */
interface Other {
  readonly heard: Heard
  readonly against: string
}

export class ShownTools {
  readonly #grants = new Map<string, Map<string, First>>()
  readonly #others = new OwnerKeep<Other>(othersLimits)
  #texts = 0

  /** The first one stays. `heard` is asked only where nothing was shown yet. */
  add(grant: string, resource: string, heard: () => First | undefined): void {
    const tools = this.#grants.get(grant) ?? new Map<string, First>()
    if (tools.has(resource) || tools.size >= toolsOfGrantMax) return
    const first = heard()
    if (first === undefined) return
    const { hash, says } = first
    const isKept = says !== undefined && this.#texts + says.length <= textsMax
    if (isKept) this.#texts += says.length
    tools.set(resource, isKept ? { hash, says } : { hash })
    this.#grants.set(grant, tools)
    if (this.#grants.size > grantsMax) this.#forgetOldest()
  }

  of(grant: string, resource: string): First | undefined {
    return this.#grants.get(grant)?.get(resource)
  }

  /** This is what `owner` reads of the tool now; `against`: what is pinned of it, or is going to be. */
  read(owner: string, resource: string, { heard, against }: Other): void {
    const { text, ...bare } = heard
    if (heard.hash === against) this.#others.remove(owner, resource)
    else this.#others.add(owner, resource, { heard: text !== undefined && text.length <= otherTextMax ? heard : bare, against })
  }

  /** What its caller read of the tool last, where that was not what is pinned still. */
  otherThan(owner: string, resource: string, pinned: () => string | undefined): Other | undefined {
    const other = this.#others.find(owner, resource)
    if (other === undefined) return undefined
    const now = pinned()
    if (now === undefined || now === other.against) return other
    // A person has seen what it became since.
    this.#others.remove(owner, resource)
    return undefined
  }

  #forgetOldest(): void {
    const [oldest] = this.#grants
    if (oldest === undefined) return
    for (const { says } of oldest[1].values()) this.#texts -= says?.length ?? 0
    this.#grants.delete(oldest[0])
  }
}
