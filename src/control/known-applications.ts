/** Applications that bring their own policies, opened: what answers for them, and nothing that an action is decided by. */
import { type ApplicationSet, openApplication, openingApplication } from '../decision/application-set.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Application } from '../model/applications.ts'
import type { Slices } from './slices.ts'

/** Opened before they are put in place: by whoever checks them, and where another node has published them. */
const preparedMax = 16
const prepared = new Map<string, ApplicationSet>()

export class KnownApplications {
  readonly #records = new Map<string, Application>()
  readonly #open = new Map<string, ApplicationSet>()

  /** One that is there, as it is from now on. */
  put(application: Application): void {
    const { id, removedAt } = application
    this.#records.delete(id)
    this.#open.delete(id)
    if (removedAt === undefined) this.#records.set(id, application)
  }

  /** The application of this name, ready to be asked; none where it cannot be opened, which never happens to what was checked. */
  get(name: string): ApplicationSet | undefined {
    const application = this.#records.get(name)
    if (application === undefined) return undefined
    const open = this.#open.get(name) ?? prepared.get(keyOf(application))
    if (open !== undefined) return this.#take(name, open)
    // Nobody prepared it: long ago, or in a world without a clock.
    const opened = openApplication(application)
    return opened.ok ? this.#take(name, opened.value) : undefined
  }

  all(): readonly Application[] {
    return [...this.#records.values()]
  }

  #take(name: string, set: ApplicationSet): ApplicationSet {
    this.#open.set(name, set)
    return set
  }
}

/** As `openApplication`, in slices; what was opened is kept for when it is put in place. */
export async function prepareApplication(application: Application, slices: Slices): Promise<Result<ApplicationSet>> {
  const known = prepared.get(keyOf(application))
  if (known !== undefined) return done(known)
  const opened = await slices.through(openingApplication(application))
  if (!opened.ok) return opened
  prepared.set(keyOf(application), opened.value)
  for (const key of prepared.keys()) {
    if (prepared.size <= preparedMax) break
    prepared.delete(key)
  }
  return opened
}

/** The version is over everything that a set is made of but its name. */
function keyOf({ id, version }: Application): string {
  return `${id}/${version}`
}
