/** Secrets of services at a gateway elsewhere: in memory alone, each for the place it was sent for and no other. */
import { canonicalJson } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import type { UpstreamSecrets } from '../control/upstream-secret.ts'
import type { Service } from '../model/services.ts'

interface Kept {
  readonly service: Service
  readonly place: string
  readonly secret: Result<Secret>
}

export class FedSecrets implements UpstreamSecrets {
  readonly #kept = new Map<string, Kept>()

  /** What control sends for a service as it is here now. A later form of the service, sent elsewhere, is not given it. */
  put(service: Service, secret: Result<Secret>): void {
    this.#kept.set(service.id, { service, place: placeOf(service), secret })
  }

  /** Refuses `upstream.secret-unavailable` on what control has not sent for this place yet, and what control says of one that it has not. */
  of(service: Service): Result<Secret | undefined> {
    if (service.credential === undefined) return done(undefined)
    const kept = this.#kept.get(service.id)
    if (kept === undefined || (kept.service !== service && kept.place !== placeOf(service)))
      return refuse('upstream.secret-unavailable', { detail: 'control has not sent it yet' })
    return kept.secret
  }

  clear(): void {
    this.#kept.clear()
  }
}

function placeOf({ upstream, credential }: Service): string {
  return canonicalJson([upstream, credential ?? null])
}
