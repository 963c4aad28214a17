/** The secret that a gateway sends to a service: opened where it is sealed here, or as it was last read from where it is kept. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Secret } from '../kernel/secret.ts'
import type { Service } from '../model/services.ts'
import type { Desk } from './desk.ts'
import type { SealedPlace } from './ports.ts'

/** What a gateway sends to its services. Refusals as those of `upstreamSecret`. */
export interface UpstreamSecrets {
  of(service: Service): Result<Secret | undefined>
}

/** Opened once for each form of a service: unsealing costs more than deciding. */
const opened = new WeakMap<Service, Secret>()

/**
 * The value of the header, or nothing where no credential is configured. Synchronous: what is kept elsewhere comes from memory. Refuses
 * `upstream.credential` on what was sealed for another place, `upstream.secret-unavailable` on what is not known, or not any more.
 */
export function upstreamSecret(desk: Pick<Desk, 'vault' | 'secrets'>, service: Service): Result<Secret | undefined> {
  const { credential } = service
  if (credential === undefined) return done(undefined)
  const sealed = opened.get(service) ?? open(desk, service, credential)
  if (sealed === undefined) return refuse('upstream.credential')
  if (credential.reference === undefined) return done(sealed)
  const secret = desk.secrets.current(credential.reference)
  if (!secret.ok) return secret
  const value = credential.prefix === 'Basic ' ? secret.value.inBase64() : secret.value
  return done(value.prefixed(credential.prefix))
}

/** Has the references of these services looked up from now on, and none that only others had before. */
export function followReferences(desk: Pick<Desk, 'space' | 'secrets' | 'facts'>, gateway: string): void {
  const references = [...desk.facts.services()].flatMap(({ credential }) => credential?.reference ?? [])
  desk.secrets.follow(`${desk.space}/${gateway}`, references)
}

/** The value with its prefix; of a reference its text, which must be the one that stands beside it in the clear. */
function open(desk: Pick<Desk, 'vault'>, service: Service, credential: NonNullable<Service['credential']>): Secret | undefined {
  const { reference } = credential
  const place: SealedPlace = {
    space: service.space,
    service: service.id,
    origin: service.upstream,
    use: reference === undefined ? 'value' : 'reference',
  }
  const found = desk.vault.open(credential.sealed, place)
  if (!found.ok || (reference !== undefined && !found.value.is(reference))) return undefined
  const whole = reference === undefined ? found.value.prefixed(credential.prefix) : found.value
  opened.set(service, whole)
  return whole
}
