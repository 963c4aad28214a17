/** What a proxy asks: the request that came to it, as strictly read as one that comes to the gateway. */
import { isIP } from 'node:net'
import { clientAddress } from '../../kernel/client-address.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import type { RawHead } from '../shared/client-stream.ts'
import { isMethod, type RequestHead } from '../shared/request-parser.ts'

/** How proxies ask: nginx says all of it in headers, Envoy sends the head again with something before its path. */
export type QuestionForm = 'auth-request' | 'ext-authz'

/** Where a question goes: the form of it, and the service whose request it is about. */
export interface QuestionPlace {
  readonly form: QuestionForm
  readonly service: string
  /** Envoy's: the target of the request. */
  readonly target: string | undefined
}

/** The request as its sender sent it to the proxy, and who that was. */
export interface Question {
  readonly head: RawHead
  /** Its sender's, as the proxy says. */
  readonly address: string
}

const places = /^\/(?:auth-request\/([a-z0-9._-]{1,64})|ext-authz\/([a-z0-9._-]{1,64})(\/.*))$/

/** How whoever asks there understands an answer, also one that nothing is found for. */
export function formOf(target: string): QuestionForm {
  return target.startsWith('/ext-authz/') ? 'ext-authz' : 'auth-request'
}

/** Refuses `method.unknown` where no proxy asks. */
export function readPlace(target: string): Result<QuestionPlace> {
  const [, asked, sent, rest] = places.exec(target) ?? []
  if (asked !== undefined) return done({ form: 'auth-request', service: asked, target: undefined })
  return sent === undefined ? refuse('method.unknown') : done({ form: 'ext-authz', service: sent, target: rest })
}

/** What only the proxy may say. Whatever is said twice came from somebody else as well. */
const saidByProxy = ['x-real-ip', 'x-original-method', 'x-original-uri', 'x-original-framing'] as const
type Said = Partial<Record<(typeof saidByProxy)[number], string>>

/**
 * The request that is asked about. Refuses `input.invalid` what the proxy leaves out, `action.ambiguous` what it says twice, and
 * `action.needs-gateway` a change of protocol.
 */
export function readQuestion(asked: RequestHead, place: QuestionPlace): Result<Question> {
  const headers: string[] = []
  const said = takeSaid(asked.headers, place.form, headers)
  if (!said.ok) return said
  const address = said.value['x-real-ip']
  if (address === undefined || isIP(address) === 0) return missing('X-Real-IP', "the client's address and nothing else")
  if (place.target !== undefined)
    return done({ head: { method: asked.method, target: place.target, version: asked.version, headers }, address: clientAddress(address) })
  const head = readSaid(asked, said.value, headers)
  return head.ok ? done({ head: head.value, address: clientAddress(address) }) : head
}

/** Takes the proxy's own headers out, and puts the others into `rest`. Envoy's form has but one of them: the others are its client's. */
function takeSaid(headers: readonly string[], form: QuestionForm, rest: string[]): Result<Said> {
  const said: Said = {}
  for (let at = 0; at + 1 < headers.length; at += 2) {
    const name = headers[at] ?? ''
    const value = headers[at + 1] ?? ''
    const own = ownName(name)
    if (own === undefined || (form === 'ext-authz' && own !== 'x-real-ip')) rest.push(name, value)
    else if (said[own] === undefined) said[own] = value
    else return refuse('action.ambiguous', { detail: `${own} stands twice: the proxy must put its own in the place of a client's` })
  }
  return done(said)
}

function ownName(name: string): (typeof saidByProxy)[number] | undefined {
  // The names have lengths of their own, and most headers are spared the comparison.
  if (name.length !== 9 && name.length !== 14 && name.length !== 17 && name.length !== 18) return undefined
  const lower = name.toLowerCase()
  return saidByProxy.find((own) => own === lower)
}

/** `length=$http_content_length coding=$http_transfer_encoding upgrade=$http_upgrade` */
const framing = /^length=([!-~]*) coding=([!-~]*) upgrade=([ -~]*)$/

function readSaid(asked: RequestHead, said: Said, headers: string[]): Result<RawHead> {
  const method = said['x-original-method']
  const target = said['x-original-uri']
  if (asked.method !== 'GET' || asked.framing !== 0)
    return refuse('input.invalid', { detail: 'auth_request asks by GET, and leaves the body out' })
  if (method === undefined || !isMethod(method) || method === 'CONNECT') return missing('X-Original-Method', 'a method, $request_method')
  if (target === undefined || target === '') return missing('X-Original-URI', 'the target as it came, $request_uri')
  const [, length, coding, upgrade] = framing.exec(said['x-original-framing'] ?? '') ?? []
  if (length === undefined || coding === undefined)
    return missing('X-Original-Framing', '"length=$http_content_length coding=$http_transfer_encoding upgrade=$http_upgrade"')
  if (upgrade !== '')
    return refuse('action.needs-gateway', { detail: 'it asks for a change of protocol, which a proxy could not be told to cut' })
  if (length !== '') headers.push('Content-Length', length)
  if (coding !== '') headers.push('Transfer-Encoding', coding)
  return done({ method, target, version: asked.version, headers })
}

function missing(name: string, what: string): Result<never> {
  return refuse('input.invalid', { detail: `the proxy must say ${name}: ${what}` })
}
