/** One call to the API: time-outs, refusals as errors, and a second try only where it cannot do a thing twice. */
import { parseJsonText, parseProblem } from './parse-answers.ts'
import { pause } from './pause.ts'
import { RemitRefusal, RemitUnreachable } from './remit-refusal.ts'

export type Fetch = typeof globalThis.fetch

export interface Call {
  readonly method: 'GET' | 'POST'
  /** Begins with `/`. */
  readonly path: string
  readonly query?: Readonly<Record<string, string | number | boolean | undefined>>
  readonly body?: object
  /** Sent as `application/x-www-form-urlencoded`, in place of a body. */
  readonly form?: Readonly<Record<string, string>>
  readonly token?: string
  /** Doing it twice is the same as doing it once. Reads always are. */
  readonly repeatable?: boolean
  /** Milliseconds until the answer must have come; default 15 000. */
  readonly timeoutMs?: number
  readonly signal?: AbortSignal
}

export interface Line {
  readonly url: string
  readonly fetch: Fetch
}

const defaultTimeoutMs = 15_000
const triesMax = 3
const retryPauseMs = 200
const retryAfterMsMax = 5_000
const answerBytesMax = 32 * 1_048_576
const unsentCodes = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT'])
/** Answers that say that nothing was done, or that a reader may simply ask again. */
const busyStatuses = new Set([429, 502, 503, 504])

/** The answer's JSON (`undefined` when empty). Throws `RemitRefusal`, `RemitUnreachable`, or the reason of the signal. */
export async function callApi(line: Line, call: Call): Promise<unknown> {
  const response = await reach(line, call)
  const text = await readText(line, response, call)
  return text === '' ? undefined : parseJsonText(text)
}

/** The lines of a streamed answer, without their ends. */
export async function* streamLines(line: Line, call: Call): AsyncGenerator<string> {
  const response = await reach(line, { ...call, timeoutMs: Number.POSITIVE_INFINITY })
  if (response.body === null) return
  const texts: ReadableStream<string> = response.body.pipeThrough(new TextDecoderStream('utf-8', { fatal: true }))
  let rest = ''
  try {
    for await (const text of texts) {
      const parts = (rest + text).split('\n')
      rest = parts.pop() ?? ''
      if (rest.length > answerBytesMax) throw new RemitUnreachable(line.url, 'sent a line without end')
      yield* parts
    }
  } catch (thrown) {
    throw asUnreachable(line, call, thrown)
  }
  if (rest !== '') yield rest
}

async function reach(line: Line, call: Call): Promise<Response> {
  for (let attempt = 1; ; attempt += 1) {
    const outcome = await tryOnce(line, call)
    if (outcome instanceof Response && outcome.ok) return outcome
    if (attempt < triesMax && mayRetry(call, outcome)) {
      await pause(pauseBefore(attempt, outcome), call.signal)
      continue
    }
    if (outcome instanceof RemitUnreachable) throw outcome
    throw await asRefusal(line, outcome)
  }
}

async function tryOnce(line: Line, call: Call): Promise<Response | RemitUnreachable> {
  const { method, token, body, form } = call
  const content = form === undefined ? body && JSON.stringify(body) : new URLSearchParams(form).toString()
  const mediaType = form === undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const headers = {
    accept: 'application/json, application/problem+json',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(content === undefined ? {} : { 'content-type': mediaType }),
  }
  const request: RequestInit = { method, headers, redirect: 'error', ...(content === undefined ? {} : { body: content }) }
  try {
    const signals = [call.signal, timeoutOf(call)].filter((signal) => signal !== undefined)
    return await line.fetch(address(line, call), signals.length === 0 ? request : { ...request, signal: AbortSignal.any(signals) })
  } catch (thrown) {
    const unreachable = asUnreachable(line, call, thrown)
    if (unreachable instanceof RemitUnreachable) return unreachable
    throw unreachable
  }
}

function timeoutOf({ timeoutMs = defaultTimeoutMs }: Call): AbortSignal | undefined {
  return Number.isFinite(timeoutMs) ? AbortSignal.timeout(timeoutMs) : undefined
}

function address(line: Line, { path, query = {} }: Call): string {
  const url = new URL(line.url.replace(/\/+$/, '') + path)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  return url.href
}

function mayRetry(call: Call, outcome: Response | RemitUnreachable): boolean {
  const repeatable = call.method === 'GET' || call.repeatable === true
  if (outcome instanceof RemitUnreachable) return outcome.unsent || (repeatable && !isTimeout(outcome.cause))
  return outcome.status === 429 ? retryAfterMs(outcome) !== undefined : repeatable && busyStatuses.has(outcome.status)
}

function pauseBefore(attempt: number, outcome: Response | RemitUnreachable): number {
  const asked = outcome instanceof Response ? retryAfterMs(outcome) : undefined
  return asked ?? retryPauseMs * 4 ** (attempt - 1)
}

/** As the answer asks, if it is short enough to be waited for here. */
function retryAfterMs(response: Response): number | undefined {
  const text = response.headers.get('retry-after') ?? ''
  const milliseconds = Number(text) * 1_000
  return /^\d{1,6}$/.test(text) && milliseconds <= retryAfterMsMax ? milliseconds : undefined
}

async function asRefusal(line: Line, response: Response): Promise<Error> {
  const text = await response.text().catch(() => '')
  const problem = parseProblem(parseJsonText(text), response.status)
  if (problem !== undefined) return new RemitRefusal(problem)
  return new RemitUnreachable(line.url, `answered ${response.status} without saying why, so this is not Remit or not all of it`)
}

async function readText(line: Line, response: Response, call: Call): Promise<string> {
  try {
    return await response.text()
  } catch (thrown) {
    throw asUnreachable(line, call, thrown)
  }
}

/** The error to throw: the caller's own reason where the caller broke off. */
function asUnreachable(line: Line, call: Call, thrown: unknown): unknown {
  if (call.signal?.aborted === true) return call.signal.reason
  if (thrown instanceof RemitUnreachable) return thrown
  if (isTimeout(thrown))
    return new RemitUnreachable(line.url, `no answer within ${(call.timeoutMs ?? defaultTimeoutMs) / 1_000} s`, { cause: thrown })
  const cause = thrown instanceof Error ? thrown.cause : undefined
  const code = codeOf(cause) ?? codeOf(thrown)
  return new RemitUnreachable(line.url, describeFailure(code, cause ?? thrown), {
    unsent: code !== undefined && unsentCodes.has(code),
    cause: thrown,
  })
}

function describeFailure(code: string | undefined, cause: unknown): string {
  switch (code) {
    case 'ECONNREFUSED':
      return 'nothing listens there'
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return 'no such host'
    case 'ECONNRESET':
    case 'UND_ERR_SOCKET':
      return 'the connection broke off'
    default:
      return cause instanceof Error ? cause.message : 'the connection failed'
  }
}

function isTimeout(thrown: unknown): boolean {
  return thrown instanceof Error && thrown.name === 'TimeoutError'
}

function codeOf(thrown: unknown): string | undefined {
  return typeof thrown === 'object' && thrown !== null && 'code' in thrown && typeof thrown.code === 'string' ? thrown.code : undefined
}
