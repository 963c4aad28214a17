/** What an endpoint must say of itself: who may call it, how often, how much it takes, what it records. What is left out does not compile. */
import type { z } from 'zod'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Admission, type CallerKind, admissions } from './admission.ts'
import type { Answer } from './answers.ts'
import { type BodyKind, checkInput, gather, type Received } from './input.ts'
import type { ApiParts, Visit } from './parts.ts'

/** Kinds of ledger entry, or why there is none. */
export type Recorded = readonly [`${string}.${string}`, ...`${string}.${string}`[]] | { readonly nothing: string }

interface About {
  /** One sentence for the reference page. */
  readonly says: string
  readonly method: 'GET' | 'POST'
  readonly path: `/${string}`
  /** Calls per minute by one caller, or by one address where nobody in particular calls. */
  readonly perMinuteMax: number
  readonly records: Recorded
  readonly takes: BodyKind
  readonly bodyBytesMax: number
  /** How a no is told: problem+json, RFC 6749, or a page for people. */
  readonly refuses: 'problem' | 'oauth' | 'page'
  /** As OpenID AuthZEN demands: another content type is 400, and X-Request-ID goes back with every answer. */
  readonly speaks?: 'authzen'
}

export interface Declaration<C extends CallerKind, S extends z.ZodObject> extends About {
  readonly caller: C
  readonly input: S
  readonly run: (api: ApiParts, input: z.output<S>, from: Admission[C]) => Promise<Result<Answer>> | Result<Answer>
}

/** An endpoint as the server sees it. */
export interface Endpoint extends About {
  readonly caller: CallerKind
  readonly input: z.ZodObject
  /** First, before the body is read: who calls, and may they call again already? */
  admit(api: ApiParts, visit: Visit, call: object): Promise<Result<undefined>>
  /** Then, for an admitted call: reads the input and does the work. */
  serve(api: ApiParts, received: Received, call: object): Promise<Result<Answer>>
}

export function endpoint<C extends CallerKind, S extends z.ZodObject>(declaration: Declaration<C, S>): Endpoint {
  const { caller, input, run, ...about } = declaration
  const admitted = new WeakMap<object, Admission[C]>()
  return {
    ...about,
    caller,
    input,
    async admit(api, visit, call) {
      const from = await admissions[caller](api, visit, about)
      if (!from.ok) return from
      admitted.set(call, from.value)
      return done(undefined)
    },
    async serve(api, received, call) {
      const from = admitted.get(call)
      if (from === undefined) throw new Error('a call that was not admitted is not served')
      if (!wellFormedIds(input, received.parameters)) return refuse('not-found')
      const given = gather(about.takes, received, about.bodyBytesMax)
      if (!given.ok) return given
      const checked = checkInput(input, given.value)
      return checked.ok ? run(api, checked.value, from) : checked
    },
  }
}

/** What stands in the path and cannot name anything answers as what is not there. */
function wellFormedIds(input: z.ZodObject, parameters: Readonly<Record<string, string>>): boolean {
  const { shape }: { readonly shape: Readonly<Record<string, unknown>> } = input
  return Object.entries(parameters).every(([name, text]) => {
    const field = shape[name]
    return isSchema(field) && field.safeParse(text).success
  })
}

function isSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && 'safeParse' in value
}
