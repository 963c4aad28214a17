/** Applications that bring their own policies, opened: what answers for them, and nothing that an action is decided by. */
import { type ApplicationSet, openApplication, openingApplication } from '../decision/application-set.ts'
import type { Application } from '../model/applications.ts'
import type { Slices } from './slices.ts'

/** Opened before they are published, while they are checked. */
const preparedMax = 8

export class KnownApplications {
  readonly #records = new Map<string, Application>()
  readonly #open = new Map<string, ApplicationSet>()
  readonly #prepared = new Map<string, ApplicationSet>()
  #onWaiting: (() => void) | undefined

  /** One that is there, as it is from now on. It is opened when it is asked for, unless that was done before. */
  put(application: Application): void {
    const { id, removedAt } = application
    this.#records.delete(id)
    if (removedAt !== undefined) {
      this.#open.delete(id)
      return
    }
    this.#records.set(id, application)
    const prepared = this.#prepared.get(keyOf(id, application.version))
    if (prepared !== undefined) this.#open.set(id, prepared)
    else this.#onWaiting?.()
  }

  /**
   * The application of this name, with its newest content; where others open it in slices, with that before until they have. None where
   * it cannot be opened, which never happens to what was checked.
   */
  get(name: string): ApplicationSet | undefined {
    const application = this.#records.get(name)
    if (application === undefined) return undefined
    const open = this.#open.get(name)
    if (open !== undefined && (open.version === application.version || this.#onWaiting !== undefined)) return open
    const opened = openApplication(application)
    return opened.ok ? this.#take(name, opened.value) : undefined
  }

  record(name: string): Application | undefined {
    return this.#records.get(name)
  }

  all(): readonly Application[] {
    return [...this.#records.values()]
  }

  /** To be put in place with its record, so that publishing it stops nobody. */
  prepare(set: ApplicationSet): void {
    this.#prepared.set(keyOf(set.name, set.version), set)
    for (const key of this.#prepared.keys()) {
      if (this.#prepared.size <= preparedMax) break
      this.#prepared.delete(key)
    }
  }

  /** From here on what another node published is opened by whoever is called, with `openWaiting`, and until then answered as before. */
  onWaiting(listener: () => void): void {
    this.#onWaiting = listener
  }

  /** Opens in slices whatever is not open as it is now. */
  async openWaiting(slices: Slices): Promise<void> {
    for (const application of this.all()) {
      if (this.#open.get(application.id)?.version === application.version) continue
      const opened = await openedInSlices(application, slices)
      if (opened.ok && this.#records.get(application.id) === application) this.#take(application.id, opened.value)
    }
  }

  #take(name: string, set: ApplicationSet): ApplicationSet {
    this.#open.set(name, set)
    return set
  }
}

/** As `openApplication`, with pauses. */
export async function openedInSlices(
  application: Parameters<typeof openingApplication>[0],
  slices: Slices,
): Promise<ReturnType<typeof openApplication>> {
  const steps = openingApplication(application)
  for (let step = steps.next(); ; step = steps.next()) {
    if (step.done === true) return step.value
    await slices.pause()
  }
}

function keyOf(name: string, version: string): string {
  return `${name}/${version}`
}
