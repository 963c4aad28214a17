/** What tools were when a caller was shown them first: what somebody has read of a tool is what they call it for. */
import type { HeardTool } from '../../control/pin-first.ts'

/** The grant that was shown something longest ago makes room. */
const grantsMax = 2_000
const toolsOfGrantMax = 200
/** Of all of them together, in characters; what is beyond is known by its hash alone. */
const textsMax = 8_388_608

type First = NonNullable<ReturnType<NonNullable<HeardTool['first']>>>

export class ShownTools {
  readonly #grants = new Map<string, Map<string, First>>()
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

  #forgetOldest(): void {
    const [oldest] = this.#grants
    if (oldest === undefined) return
    for (const { says } of oldest[1].values()) this.#texts -= says?.length ?? 0
    this.#grants.delete(oldest[0])
  }
}
