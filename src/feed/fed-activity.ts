/** Signs of life of grants at a gateway elsewhere: kept as anywhere, and told to control once in a while. */
import type { Instant } from '../kernel/instants.ts'
import { Activity } from '../control/activity.ts'
import type { SignOfLife } from './messages.ts'

/** Of one message; what is beyond it is told with the next one. */
const grantsMax = 5_000

export class FedActivity extends Activity {
  readonly #underWay = new Map<string, number>()
  readonly #untold = new Set<string>()

  override begin(grant: string, now: Instant): void {
    super.begin(grant, now)
    this.#underWay.set(grant, (this.#underWay.get(grant) ?? 0) + 1)
    this.#untold.add(grant)
  }

  override end(grant: string, now: Instant): void {
    super.end(grant, now)
    const rest = (this.#underWay.get(grant) ?? 0) - 1
    if (rest > 0) this.#underWay.set(grant, rest)
    else this.#underWay.delete(grant)
    this.#untold.add(grant)
  }

  override forget(grant: string): void {
    super.forget(grant)
    this.#underWay.delete(grant)
    this.#untold.delete(grant)
  }

  /** Whoever is told next knows nothing: what is under way is told again. */
  tellAnew(): void {
    for (const grant of this.#underWay.keys()) this.#untold.add(grant)
  }

  /** What happened since the last of these. */
  toTell(): readonly SignOfLife[] {
    const signs: SignOfLife[] = []
    for (const grant of this.#untold) {
      if (signs.length >= grantsMax) break
      this.#untold.delete(grant)
      const lastUse = this.lastUse(grant)
      if (lastUse !== undefined) signs.push({ grant, lastUse, underWay: this.#underWay.get(grant) ?? 0 })
    }
    return signs
  }
}
