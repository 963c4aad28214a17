/** The laws that hold for every exchange, and for bytes made by chance. */
import assert from 'node:assert/strict'
import { inspect } from 'node:util'
import type { Outcome } from '../../src/control/ports.ts'
import type { HostileHouse } from './hostile-house.ts'
import { upstreamSecret } from './hostile-house.ts'
import type { ReceivedBytes } from './reporting-upstream.ts'
import { comparableHeaders, type Understood } from './second-reader.ts'

/** Of no bytes at all: an outcome without a body names no digest. */
export const emptySha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

/** What went up: each request as nginx understood it, beside its head as it stood on the wire. */
export interface WentUp extends Understood {
  readonly head: string
}

/** Forgets what happened so far. */
export function forget({ control, log }: HostileHouse): void {
  control.allowed.length = 0
  control.finished.length = 0
  control.refusals.length = 0
  log.lines.length = 0
}

/** Waits until every decision that said yes has its outcome on record. */
export async function untilRecorded({ control }: HostileHouse): Promise<void> {
  const until = performance.now() + 60_000
  while (control.finished.length < control.allowed.length && performance.now() < until)
    await new Promise((resolve) => setTimeout(resolve, 5))
  assert.equal(control.finished.length, control.allowed.length, 'every decision has its outcome')
}

/**
 * Has nginx read everything that the upstream received, and holds it against the record: as many requests as nginx understands, each by
 * a decision that said yes to this method and target, with the body whose digest is recorded; nothing that nginx refuses or leaves over.
 */
export async function checkLaws(house: HostileHouse, received: readonly ReceivedBytes[]): Promise<readonly WentUp[]> {
  const { control, reader, upstream, log } = house
  await untilRecorded(house)
  const outcomes = new Map(control.finished.map(({ decision, outcome }) => [decision.id, outcome]))
  const open = control.allowed.map(({ id, action }) => ({ target: action.target, outcome: outcomes.get(id) }))
  const wentUp: WentUp[] = []
  for (const { whole } of received) {
    const { requests, isWhole, refusal } = await reader.read(whole)
    const shown = JSON.stringify(whole.toString('latin1').slice(0, 2_000))
    assert.equal(refusal, undefined, `nginx refuses what was forwarded: ${shown}`)
    assert.ok(isWhole, `nginx does not find the end where the upstream did: ${shown}`)
    const { heads, rest } = headsOf(whole, requests)
    assert.equal(rest, 0, `bytes are left over behind what nginx understood: ${shown}`)
    for (const [place, request] of requests.entries()) {
      const head = heads[place] ?? ''
      checkRequest(request, head, upstream.port)
      takeDecision(open, request)
      wentUp.push({ ...request, head })
    }
  }
  // What broke off had a yes as well, and nobody reads a whole request in it.
  for (const { part } of received.filter(({ part: { byteLength } }) => byteLength > 0)) {
    assert.equal(
      await reader.countWhole(part),
      0,
      `nginx finds a whole request in what broke off: ${JSON.stringify(part.toString('latin1'))}`,
    )
    takeBroken(open, part)
  }
  for (const { target, outcome } of open)
    assert.ok(outcome?.result !== 'answered', `on record as answered, but it never went up: ${target} ${inspect(outcome)}`)
  assert.ok(
    !inspect([log.lines, control.finished, control.refusals], { depth: 9, maxArrayLength: null, maxStringLength: null }).includes(
      upstreamSecret,
    ),
    'the secret is in a log or a record',
  )
  assert.deepEqual(
    log.lines.filter((line) => line.startsWith('error')),
    [],
  )
  return wentUp
}

interface OpenDecision {
  readonly target: string
  readonly outcome: Outcome | undefined
}

function takeDecision(open: OpenDecision[], { method, target, bodySha256, bodyLength }: Understood): void {
  const matching = open.filter(
    ({ target: allowed, outcome }) =>
      allowed === `${method} ${target}` && outcome?.requestBytes === bodyLength && (outcome.bodySha256 ?? emptySha256) === bodySha256,
  )
  // Whole, but its client left before the answer: that happens too, and leaves the same bytes.
  const decision = matching.find(({ outcome }) => outcome?.result === 'answered') ?? matching[0]
  assert.ok(decision !== undefined, `no decision allowed ${method} ${target} with ${bodyLength} bytes of body: ${inspect(open)}`)
  open.splice(open.indexOf(decision), 1)
}

function takeBroken(open: OpenDecision[], part: Buffer): void {
  const [method, target] = part.toString('latin1').split('\r\n')[0]?.split(' ') ?? []
  const matching = open.filter(({ target: allowed, outcome }) => allowed === `${method} ${target}` && outcome?.result !== 'not-sent')
  const decision = matching.find(({ outcome }) => outcome?.result !== 'answered') ?? matching[0]
  assert.ok(decision !== undefined, `no decision allowed what broke off: ${JSON.stringify(part.toString('latin1', 0, 500))}`)
  open.splice(open.indexOf(decision), 1)
}

/** The heads in their order, found by the lengths that nginx understood; `rest` is what stands behind the last request. */
function headsOf(bytes: Buffer, requests: readonly Understood[]): { readonly heads: readonly string[]; readonly rest: number } {
  const heads: string[] = []
  let at = 0
  for (const { bodyLength } of requests) {
    const end = bytes.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const head = bytes.toString('latin1', at, end)
    heads.push(head)
    at = /^transfer-encoding: chunked$/im.test(head) ? behindChunks(bytes, end + 4) : end + 4 + bodyLength
  }
  return { heads, rest: bytes.byteLength - at }
}

function behindChunks(bytes: Buffer, from: number): number {
  for (let at = from; ; ) {
    const end = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.toString('latin1', at, end), 16)
    assert.ok(end !== -1 && Number.isSafeInteger(size), 'chunks that cannot be read went up')
    at = end + 2 + size + 2
    if (size === 0) return at
  }
}

/** What holds of every request that goes up, whatever was asked. */
function checkRequest({ method, target, path, host, headers }: Understood, head: string, port: number): void {
  const lines = head.split('\r\n')
  assert.equal(lines[0], `${method} ${target} HTTP/1.1`, 'the request line is what nginx understood')
  for (const line of lines.slice(1))
    assert.match(line, /^[!#$%&'*+.^`|~0-9A-Za-z-]+: [\t\x20-\x7e\x80-\xff]*$/, 'a header that is no header went up')
  assert.equal(host, `127.0.0.1:${port}`)
  assert.equal(path, decodeURIComponent(target.split('?')[0] ?? ''), `nginx makes another path of ${target}`)
  assert.deepEqual(headers, comparableHeaders(head), 'nginx reads other headers')
  const names = lines.slice(1).map((line) => line.slice(0, line.indexOf(':')).toLowerCase())
  for (const name of ['host', 'content-length', 'transfer-encoding', 'authorization', 'connection'])
    assert.ok(names.filter((each) => each === name).length <= 1, `${name} went up twice`)
  assert.ok(!(names.includes('content-length') && names.includes('transfer-encoding')), 'a length and a coding went up')
  assert.ok(lines.includes(`Authorization: Bearer ${upstreamSecret}`), 'the upstream’s own credential is there')
  assert.ok(!target.startsWith('/admin/'), 'what is forbidden went up')
}
