/** Endpoints of AuthZEN 1.0, each twice: for what Remit guards itself, and below `/applications/:name` for an application's own policies. */
import type { z } from 'zod'
import type { Caller } from '../../control/desk.ts'
import { applicationAccessPoint } from '../../control/authzen-applications.ts'
import { ownAccessPoint } from '../../control/authzen-own.ts'
import { requestableBy } from '../../control/authzen-requests.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { AccessPoint } from '../../model/access.ts'
import { type Admission, admissions } from '../admission.ts'
import type { Answer } from '../answers.ts'
import type { Endpoint } from '../endpoint.ts'
import { name } from '../fields.ts'
import type { Received } from '../input.ts'
import type { ApiParts } from '../parts.ts'

/** Whom one call asks. */
export interface Asked {
  /** The application, or `remit`. */
  readonly about: string
  readonly point: AccessPoint
}

/** What every endpoint of AuthZEN that takes a body says of itself. */
export const spokenTo = { method: 'POST', takes: 'json', refuses: 'problem', caller: 'identity', speaks: 'authzen' } as const

interface Declaration<Q> {
  readonly says: string
  readonly path: `/access/v1/${string}`
  readonly perMinuteMax: number
  readonly bodyBytesMax: number
  /** For the reference page alone: requests are read by hand. */
  readonly input: z.ZodObject
  readonly read: (body: JsonObject) => Result<Q>
  readonly answer: (api: ApiParts, asked: Asked, question: Q) => Promise<Result<Answer>> | Result<Answer>
}

const depthMax = 32

/** The one about Remit's own, and the one about applications. */
export function accessEndpoints<Q>(declaration: Declaration<Q>): readonly [own: Endpoint, application: Endpoint] {
  const { path, says, input } = declaration
  const own: Endpoint = makeEndpoint({ ...declaration, says: `${says}, about what Remit guards` }, (api, caller) =>
    done({ about: 'remit', point: ownAccessPoint(api.desk, caller, requestableBy(api.desk, caller)) }),
  )
  const application = { ...declaration, says: `${says}, by an application's own policies`, input: input.extend({ name }) }
  return [
    own,
    makeEndpoint({ ...application, path: `/applications/:name${path}` }, async (api, caller, parameters) => {
      const about = parameters['name'] ?? ''
      const point = await applicationAccessPoint(api.desk, caller, about)
      return point.ok ? done({ about, point: point.value }) : point
    }),
  ]
}

export interface Heard<Q> {
  readonly read: (body: JsonObject) => Result<Q>
  readonly answer: (api: ApiParts, from: Admission['identity'], question: Q) => Promise<Result<Answer>>
}

/** One that asks nobody: it says all of itself but how it is read. */
export function accessEndpoint<Q>(about: Omit<Endpoint, 'admit' | 'serve' | keyof typeof spokenTo>, { read, answer }: Heard<Q>): Endpoint {
  return admitting({ ...about, ...spokenTo }, async (api, from, received) => {
    const body = readBody(received, about.bodyBytesMax)
    if (!body.ok) return body
    const question = read(body.value)
    return question.ok ? answer(api, from, question.value) : question
  })
}

type Find = (api: ApiParts, caller: Caller, parameters: Received['parameters']) => Result<Asked> | Promise<Result<Asked>>

function makeEndpoint<Q>(declaration: Omit<Declaration<Q>, 'path'> & { readonly path: `/${string}` }, find: Find): Endpoint {
  const { read, answer, ...more } = declaration
  const about = {
    ...more,
    ...spokenTo,
    records: { nothing: 'an answer is no action: figures are counted, and whoever enforces it records what was done' },
  } as const
  return admitting(about, async (api, { caller }, received) => {
    // Before the body is looked at: who may not see the application learns nothing from how a body is read.
    const asked = await find(api, caller, received.parameters)
    if (!asked.ok) return asked
    const body = readBody(received, about.bodyBytesMax)
    if (!body.ok) return body
    const question = read(body.value)
    return question.ok ? answer(api, asked.value, question.value) : question
  })
}

type Serve = (api: ApiParts, from: Admission['identity'], received: Received) => Promise<Result<Answer>>

function admitting(about: Omit<Endpoint, 'admit' | 'serve'>, serve: Serve): Endpoint {
  const admitted = new WeakMap<object, Admission['identity']>()
  return {
    ...about,
    async admit(api, visit, call) {
      const from = await admissions.identity(api, visit, about)
      if (!from.ok) return from
      admitted.set(call, from.value)
      return done(undefined)
    },
    async serve(api, received, call) {
      const from = admitted.get(call)
      if (from === undefined) throw new Error('a call that was not admitted is not served')
      return serve(api, from, received)
    },
  }
}

function readBody({ body, query }: Received, bytesMax: number): Result<JsonObject> {
  if (query !== '') return refuse('input.malformed', { detail: 'what is asked stands in the body, not in the query' })
  if (body.byteLength === 0) return refuse('input.malformed', { detail: 'the body is empty' })
  const value = parseJson(body, { bytesMax, depthMax })
  if (!value.ok) return value
  return isJsonObject(value.value) ? done(value.value) : refuse('input.malformed', { detail: 'the body is a JSON object' })
}
