/** By what right `remit mcp` calls: a token that was handed over, a grant that is there, one that is asked for now, or whatever the caller holds. */
import { ownGateway } from '../sdk/gateway-tokens.ts'
import { sendHeartbeats } from '../sdk/heartbeats.ts'
import type { Remit } from '../sdk/remit.ts'
import { TokenKeeper } from '../sdk/token-keeper.ts'
import type { GrantView, ServiceView } from '../sdk/views.ts'
import { obtainGrant } from '../sdk/with-grant.ts'
import type { Run } from './command.ts'
import { requestBody } from './commands/request.ts'
import type { Access } from './mcp-shim.ts'
import { clean } from './text.ts'

const heartbeatSeconds = 2

/** Of `remit run`: it was handed over with the environment, and ends with its grant. */
export function givenAccess(token: string): Access {
  return { token: async () => token, forget: () => undefined, why: undefined }
}

/** Of a grant by its id, or, without one, of all that the caller holds. */
export function heldAccess(client: Remit, { gateway = ownGateway }: Pick<ServiceView, 'gateway'>, grant: string | undefined): Access {
  const keeper = new TokenKeeper(() => client.sessionToken(grant, { gateway }))
  return { token: () => keeper.current(), forget: () => keeper.forget(), why: undefined }
}

export interface Task {
  readonly access: Access
  /** Called when it is granted. */
  onActive: () => void
  /** It was asked for, and will not be. */
  readonly isRefused: boolean
  /** Ends the grant, as done or as left. */
  end(): Promise<void>
}

/**
 * Asks for a grant, and lets the client go on meanwhile: a person's yes may take longer than a client waits for its server. Until then it
 * can open and list, and what would act is answered with where the yes is waited for.
 */
export async function askForTask(run: Run, client: Remit, service: ServiceView): Promise<Task> {
  const scope = run.texts('can').length > 0 ? run.texts('can') : everything(service)
  const requested = await client.requestGrant({ ...requestBody(run, scope), heartbeatSeconds })
  const task = new AskedTask(run, client, { requested, service })
  task.begin()
  return task
}

/** Every effect that the service has: what of it is given is for policy and people to say. */
function everything({ name, routes }: ServiceView): readonly string[] {
  return [...new Set(routes.map(({ effect }) => `${effect}:${name}`))]
}

class AskedTask implements Task {
  readonly access: Access
  onActive: () => void = () => undefined
  isRefused = false
  readonly #run: Run
  readonly #client: Remit
  readonly #requested: GrantView
  readonly #stop = new AbortController()
  readonly #settled = Promise.withResolvers<void>()
  readonly #working: Promise<void>
  #why: string | undefined
  #isActive = false
  #keeper: Access

  constructor(run: Run, client: Remit, { requested, service }: { readonly requested: GrantView; readonly service: ServiceView }) {
    this.#run = run
    this.#client = client
    this.#requested = requested
    this.#why = `${requested.id} is not approved yet: it waits for ${requested.approval} at ${requested.page ?? 'the console'}; try again later`
    this.#keeper = heldAccess(client, service, undefined)
    const why = () => this.#why
    this.access = {
      token: () => this.#keeper.token(),
      forget: () => this.#keeper.forget(),
      get why() {
        return why()
      },
      ...(requested.state === 'pending' ? {} : { soon: this.#settled.promise }),
    }
    this.#working = this.#live(service)
  }

  begin(): void {
    if (this.#requested.state === 'pending') this.#say(this.#why ?? '')
  }

  async end(): Promise<void> {
    this.#stop.abort()
    this.#settled.resolve()
    await this.#working.catch(() => undefined)
    const reason = 'remit mcp: the client closed its end'
    const { id } = this.#requested
    const ending = this.#isActive ? this.#client.done(id, { reason }) : this.#client.abandon(id, { reason })
    await ending.catch(() => undefined)
  }

  async #live(service: ServiceView): Promise<void> {
    const { signal } = this.#stop
    const { id } = this.#requested
    try {
      const grant = await obtainGrant(this.#client, this.#requested, { signal })
      this.#isActive = true
      this.#keeper = heldAccess(this.#client, service, id)
      this.#why = undefined
      this.#settled.resolve()
      this.#say(`${grant.id} is active until ${grant.expiresAt ?? 'it is done'}`)
      this.onActive()
      const onSilence = (why: Error) => this.#say(`${why.message}; the grant ends if this lasts`)
      const state = await sendHeartbeats(this.#client, { grant: id, everyMs: heartbeatSeconds * 1_000, signal, onSilence })
      if (state !== undefined) this.#say(`${id} is ${state}; the gateway refuses what needs it`)
    } catch (thrown) {
      if (signal.aborted) return
      this.isRefused = true
      this.#settled.resolve()
      this.#why = `${id} came to nothing: ${thrown instanceof Error ? thrown.message : 'unknown'}`
      this.#say(this.#why)
    }
  }

  #say(line: string): void {
    if (!this.#run.flag('quiet')) this.#run.note(`remit: ${clean(line)}`)
  }
}
