/** Who calls an endpoint: nobody in particular, an identity by its token, a person by the cookie of the pages. And how often already. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Caller } from '../control/desk.ts'
import { identifyCaller } from '../control/identify.ts'
import { personOfCookie } from '../control/people.ts'
import type { Identity } from '../model/identities.ts'
import { addressForCounting } from '../kernel/client-address.ts'
import { readPersonCookie } from './cookies.ts'
import type { ApiParts, Visit } from './parts.ts'
import { RateLimits } from '../kernel/rate-limits.ts'

export interface Admission {
  readonly nobody: Visit
  readonly identity: Visit & { readonly caller: Caller }
  readonly person: Visit & { readonly person: Identity; readonly cookie: string }
}

export type CallerKind = keyof Admission

interface Limited {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly perMinuteMax: number
}

/** Proofs that fail, by address, whatever endpoint they are tried on. */
const failuresPerMinuteMax = 120

interface Counters {
  readonly calls: RateLimits
  readonly failures: RateLimits
}

const countersOf = new WeakMap<ApiParts, Counters>()

function counters(api: ApiParts): Counters {
  const known = countersOf.get(api)
  if (known !== undefined) return known
  const made: Counters = { calls: new RateLimits(), failures: new RateLimits() }
  countersOf.set(api, made)
  return made
}

export const admissions: { readonly [C in CallerKind]: (api: ApiParts, visit: Visit, limited: Limited) => Promise<Result<Admission[C]>> } =
  {
    async nobody(api, visit, limited) {
      const origin = limited.path.startsWith('/pages/') ? fromOwnPage(api, visit, limited) : done(undefined)
      if (!origin.ok) return origin
      const counted = count(api, limited, addressForCounting(visit.address), visit)
      return counted.ok ? done(visit) : counted
    },

    async identity(api, visit, limited) {
      const [, token] = /^Bearer ([\w.~+/-]{1,16384}=*)$/i.exec(visit.headers['authorization'] ?? '') ?? []
      if (token === undefined) return refuse('credential.missing')
      const caller = await proveOrCount(api, visit, () => identifyCaller(api.desk, api.reader, token, visit.address))
      if (!caller.ok) return caller
      const counted = count(api, limited, caller.value.actor.id, visit)
      return counted.ok ? done({ ...visit, caller: caller.value }) : counted
    },

    async person(api, visit, limited) {
      const origin = fromOwnPage(api, visit, limited)
      if (!origin.ok) return origin
      const cookie = readPersonCookie(visit.headers['cookie'], api.desk.space)
      if (cookie === undefined) return refuse('credential.missing')
      const person = await proveOrCount(api, visit, () => personOfCookie(api.desk, cookie))
      if (!person.ok) return person
      const counted = count(api, limited, person.value.id, visit)
      return counted.ok ? done({ ...visit, person: person.value, cookie }) : counted
    },
  }

/** A change asked for by a page must be asked for by a page of ours: the cookie alone says only whose browser it was. */
function fromOwnPage(api: ApiParts, visit: Visit, limited: Limited): Result<undefined> {
  if (limited.method === 'GET') return done(undefined)
  const { origin, 'sec-fetch-site': site } = visit.headers
  const own = origin === api.desk.pages().origin && (site === undefined || site === 'same-origin')
  return own ? done(undefined) : refuse('caller.not-allowed', { detail: 'only the pages of this Remit may ask for this' })
}

/** Counts what fails, by address. Whoever has a good proof is let in also where somebody beside them guesses. */
async function proveOrCount<T>(api: ApiParts, visit: Visit, prove: () => Promise<Result<T>>): Promise<Result<T>> {
  const proved = await prove()
  if (proved.ok) return proved
  const wait = counters(api).failures.take(addressForCounting(visit.address), failuresPerMinuteMax, visit.at)
  return wait > 0 ? tooOften(wait) : proved
}

function count(api: ApiParts, limited: Limited, who: string, visit: Visit): Result<undefined> {
  const wait = counters(api).calls.take(`${limited.method} ${limited.path} ${who}`, limited.perMinuteMax, visit.at)
  return wait === 0 ? done(undefined) : tooOften(wait)
}

/** The detail is the number of seconds: it becomes Retry-After. */
function tooOften(milliseconds: number): Result<never> {
  return refuse('rate.exceeded', { detail: `${Math.ceil(milliseconds / 1_000)}s` })
}
