/** Strict reading of a request's fields in HTTP/2 (RFC 9113 §8): the same head as HTTP/1.1 would have brought, or a refusal. */
import type { Refusal, RefusalCode } from '../../kernel/refusals.ts'
import type { RawHead } from '../shared/client-stream.ts'
import { errorCode, type ErrorCode } from './http2-frames.ts'
import { framingOf, isMethod } from '../shared/request-parser.ts'

export interface Http2Head extends RawHead {
  /** Bytes; `unknown` where only the end of the stream tells. */
  readonly framing: number | 'unknown'
  /** It waits for `100 Continue` before it sends the body. */
  readonly waits: boolean
}

/** Why a head is none, what the stream ends with, and method and target as far as they can be read. */
export interface RefusedFields {
  readonly refusal: Refusal
  readonly code: ErrorCode
  readonly target: string
  readonly isHead: boolean
}

type Pseudo = Partial<Record<(typeof pseudoNames)[number], string>>

interface Gathered {
  readonly pseudo: Pseudo
  readonly headers: string[]
  readonly hosts: string[]
  readonly cookies: string[]
  length?: string
  waits: boolean
}

const pseudoNames = [':method', ':scheme', ':authority', ':path'] as const
const fieldName = /^[!#$%&'*+.^_`|~0-9a-z-]+$/
/** No white space at either end, which two readers could read differently. */
const fieldValue = /^(?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?$/
/** They belong to a connection, and say nothing of a stream. */
const connectionNames = new Set(['connection', 'proxy-connection', 'keep-alive', 'transfer-encoding', 'upgrade'])

/** The head of a request. `isWhole`: no body follows. What RFC 9113 §8.1.1 calls malformed ends the stream with PROTOCOL_ERROR. */
export function readFields(fields: readonly string[], isWhole: boolean): Http2Head | RefusedFields {
  const gathered: Gathered = { pseudo: {}, headers: [], hosts: [], cookies: [], waits: false }
  const flaw = gather(fields, gathered) ?? flawOf(gathered)
  if (flaw !== undefined) return refused(gathered.pseudo, 'input.malformed', flaw)
  const { pseudo, headers, hosts, cookies, waits, length } = gathered
  const { ':method': method = '', ':path': path = '', ':authority': authority = hosts[0] } = pseudo
  if (method === 'CONNECT') return refused(pseudo, 'input.invalid', 'CONNECT is not taken here')
  if (pseudo[':scheme'] !== 'https') return refused(pseudo, 'action.ambiguous', ':scheme is not https')
  const framing = isWhole || length !== undefined ? framingOf(length, undefined) : undefined
  if (framing?.ok === false) return refused(pseudo, framing.refusal.code, framing.refusal.detail)
  if (isWhole && framing?.value !== 0) return refused(pseudo, 'input.malformed', 'Content-Length without a body')
  // RFC 9113 §8.2.3: the pieces of a cookie are one before anybody else reads them.
  if (cookies.length > 0) headers.push('cookie', cookies.join('; '))
  if (framing === undefined) headers.push('transfer-encoding', 'chunked')
  if (authority !== undefined) headers.unshift('host', authority)
  return { method, target: path, version: '1.1', headers, waits, framing: typeof framing?.value === 'number' ? framing.value : 'unknown' }
}

/** What is wrong with the fields behind a body, if anything; they stay behind. */
export function trailerFlaw(fields: readonly string[]): string | undefined {
  for (let at = 0; at + 1 < fields.length; at += 2) {
    if (fields[at]?.startsWith(':') === true) return 'a pseudo-header in a trailer'
    const flaw = fieldFlaw(fields[at] ?? '', fields[at + 1] ?? '')
    if (flaw !== undefined) return flaw
  }
  return undefined
}

/** A head of which nobody has read the fields: they were too many. */
export function tooLarge(fields: readonly string[]): RefusedFields {
  const gathered: Gathered = { pseudo: {}, headers: [], hosts: [], cookies: [], waits: false }
  gather(fields, gathered)
  return refused(gathered.pseudo, 'input.too-large', 'the head of the request')
}

function gather(fields: readonly string[], gathered: Gathered): string | undefined {
  let isBehind = false
  for (let at = 0; at + 1 < fields.length; at += 2) {
    const name = fields[at] ?? ''
    const value = fields[at + 1] ?? ''
    const isPseudo = name.startsWith(':')
    if (isPseudo && isBehind) return 'a pseudo-header behind other headers'
    isBehind ||= !isPseudo
    const flaw = isPseudo ? takePseudo(name, value, gathered.pseudo) : takeField(name, value, gathered)
    if (flaw !== undefined) return flaw
  }
  return undefined
}

function takePseudo(name: string, value: string, pseudo: Pseudo): string | undefined {
  if (name === ':protocol') return 'an extended CONNECT is not taken here'
  const known = pseudoNames.find((each) => each === name)
  if (known === undefined) return 'a pseudo-header that no request has'
  if (pseudo[known] !== undefined) return `${name} stands twice`
  if (!/^[\x21-\x7e]+$/.test(value)) return `${name} is empty or has a character that it must not have`
  pseudo[known] = value
  return undefined
}

function takeField(name: string, value: string, gathered: Gathered): string | undefined {
  const flaw = fieldFlaw(name, value)
  if (flaw !== undefined) return flaw
  switch (name) {
    case 'host':
      gathered.hosts.push(value)
      return undefined
    case 'cookie':
      gathered.cookies.push(value)
      return undefined
    case 'te':
      return value === 'trailers' ? undefined : 'te takes trailers only'
    case 'content-length':
      if (gathered.length !== undefined) return 'Content-Length stands twice'
      gathered.length = value
      break
    case 'expect':
      gathered.waits = true
      break
    default:
      break
  }
  gathered.headers.push(name, value)
  return undefined
}

function fieldFlaw(name: string, value: string): string | undefined {
  if (/[A-Z]/.test(name)) return 'the name of a header with a capital letter'
  if (!fieldName.test(name)) return 'the name of a header with a character that it must not have'
  if (connectionNames.has(name)) return `${name} belongs to a connection of HTTP/1.1`
  return fieldValue.test(value) ? undefined : 'a header with a character that it must not have, or with white space around it'
}

/** What all the fields together must be. */
function flawOf({ pseudo, hosts }: Gathered): string | undefined {
  const { ':method': method, ':scheme': scheme, ':path': path, ':authority': authority } = pseudo
  if (method === undefined) return ':method is missing'
  if (!isMethod(method)) return 'the method is unknown'
  if (hosts.length > 1) return 'host stands twice'
  if (authority !== undefined && hosts.some((host) => host !== authority)) return ':authority and host disagree'
  if (method === 'CONNECT')
    return scheme === undefined && path === undefined && authority !== undefined ? undefined : 'a CONNECT that is none'
  if (scheme === undefined) return ':scheme is missing'
  return path === undefined ? ':path is missing' : undefined
}

function refused(pseudo: Pseudo, code: RefusalCode, detail: string | undefined): RefusedFields {
  const { ':method': method, ':path': path = '' } = pseudo
  return {
    refusal: { code, ...(detail === undefined ? {} : { detail }) },
    code: code === 'input.malformed' ? errorCode.protocol : errorCode.none,
    target: method === undefined ? '' : `${method} ${path}`.trimEnd(),
    isHead: method === 'HEAD',
  }
}
