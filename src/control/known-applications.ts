/** Applications that bring their own policies, opened: what answers for them, and nothing that an action is decided by. */
import { type ApplicationSet, openApplication, openingApplication } from '../decision/application-set.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Application } from '../model/applications.ts'
import type { Slices } from './slices.ts'

/** Opened before they are put in place: by whoever checks them, and where another node has published them. */
const prepared = new Map<string, { readonly set: ApplicationSet; readonly weight: number }>()
/** Policies and entities of all of them: a proposal that nobody signs does not stay for ever. */
const weightMax = 120_000

export class KnownApplications {
  readonly #records = new Map<string, Application>()
  readonly #open = new Map<string, ApplicationSet>()
  readonly #opening = new WeakMap<Application, Promise<ApplicationSet | undefined>>()

  /** One that is there, as it is from now on. */
  put(application: Application): void {
    const { id, removedAt } = application
    this.#records.delete(id)
    this.#open.delete(id)
    if (removedAt !== undefined) return
    this.#records.set(id, application)
    const known = prepared.get(keyOf(application))
    if (known === undefined) return
    this.#open.set(id, known.set)
    prepared.delete(keyOf(application))
  }

  /** The application of this name, ready to be asked; none where it cannot be opened, which never happens to what was checked. */
  get(name: string): ApplicationSet | undefined {
    const application = this.#records.get(name)
    if (application === undefined) return undefined
    const open = this.#open.get(name)
    if (open !== undefined) return open
    // Nobody prepared it, or that was long ago.
    const opened = openApplication(application)
    if (!opened.ok) return undefined
    this.#open.set(name, opened.value)
    return opened.value
  }

  /** Of this name, as it was published: whether somebody may ask it is known without opening it. */
  record(name: string): Application | undefined {
    return this.#records.get(name)
  }

  /** As `get`, opened in slices where nobody prepared it, once for all who ask meanwhile. */
  async ready(name: string, slices: Slices): Promise<ApplicationSet | undefined> {
    const application = this.#records.get(name)
    if (application === undefined || this.#open.has(name)) return this.get(name)
    const under = this.#opening.get(application) ?? this.#openOne(application, slices)
    this.#opening.set(application, under)
    return under
  }

  async #openOne(application: Application, slices: Slices): Promise<ApplicationSet | undefined> {
    const opened = await slices.through(openingApplication(application))
    this.#opening.delete(application)
    // Meanwhile there may be another version of it, or none.
    if (this.#records.get(application.id) !== application) return this.ready(application.id, slices)
    if (!opened.ok) return undefined
    this.#open.set(application.id, opened.value)
    return opened.value
  }

  /** Opens in slices those that are not open yet: before anybody is served. */
  async openAll(slices: Slices): Promise<void> {
    for (const application of this.#records.values()) {
      if (this.#open.has(application.id)) continue
      const opened = await slices.through(openingApplication(application))
      if (opened.ok) this.#open.set(application.id, opened.value)
    }
  }

  all(): readonly Application[] {
    return [...this.#records.values()]
  }
}

/** As `openApplication`, in slices; what was opened is kept for when it is put in place. */
export async function prepareApplication(application: Application, slices: Slices): Promise<Result<ApplicationSet>> {
  const known = prepared.get(keyOf(application))
  if (known !== undefined) return done(known.set)
  const opened = await slices.through(openingApplication(application))
  if (!opened.ok) return opened
  prepared.set(keyOf(application), { set: opened.value, weight: application.parsed.length + application.entities.length })
  let weight = 0
  for (const each of prepared.values()) weight += each.weight
  for (const [key, each] of prepared) {
    if (weight <= weightMax) break
    prepared.delete(key)
    weight -= each.weight
  }
  return opened
}

/** The version is over everything that a set is made of but its name. */
function keyOf({ id, version }: Application): string {
  return `${id}/${version}`
}
