/** The exceptions that a document wants proposed: read at the door, approved by people and by nobody else. */
import { type ExceptionId, isId } from '../kernel/ids.ts'
import { type Instant, parseInstant } from '../kernel/instants.ts'
import { type DeskAction, deskActions } from './identities.ts'
import type { Place } from './parse-document.ts'
import { parseScopeLine, scopeLinesMax } from './scope.ts'

export interface ConfiguredException {
  readonly identity: string
  readonly owner: string
  /** Lines as `parseScopeLine` reads them; or, instead, something at Remit's own desk. */
  readonly scope: readonly string[]
  readonly deskActions: readonly DeskAction[]
  readonly reason: string
  readonly remediation: readonly string[]
  readonly expiresAt: Instant
  readonly renews?: ExceptionId
}

const stepsMax = 20

export function readException(place: Place): ConfiguredException {
  const at = place.members(['identity', 'owner', 'scope', 'desk', 'reason', 'remediation', 'until', 'renews'])
  const scope = at.scope.items().map(readLine)
  const desk = at.desk.items().map((each) => each.oneOf(deskActions))
  const remediation = at.remediation.items().map((each) => each.text())
  if ((scope.length === 0) === (desk.length === 0)) place.fault('it permits nothing, or two kinds of things', 'write either scope or desk')
  if (scope.length > scopeLinesMax) at.scope.fault(`at most ${scopeLinesMax} lines`, 'it is more than one exception')
  if (remediation.length === 0 || remediation.length > stepsMax || remediation.some((says) => says.trim() === ''))
    at.remediation.fault('the way out is missing', `write 1 to ${stepsMax} steps, each in words`)
  const reason = at.reason.text()
  if (at.reason.isThere && reason.trim() === '') at.reason.fault('it says nothing', 'write why it has to stay')
  const renews = at.renews.isThere ? readRenewed(at.renews) : undefined
  return {
    identity: at.identity.text(),
    owner: at.owner.text(),
    scope,
    deskActions: desk,
    reason,
    remediation,
    expiresAt: readEnd(at.until),
    ...(renews === undefined ? {} : { renews }),
  }
}

function readLine(place: Place): string {
  const text = place.text()
  const read = parseScopeLine(text)
  if (!read.ok)
    place.fault(read.refusal.detail ?? 'this is no line of a scope', 'write read:shop, or shop/restart, with limits after commas')
  return text
}

function readEnd(place: Place): Instant {
  const read = parseInstant(place.text())
  if (read.ok) return read.value
  place.fault('this is no instant', 'write the day it ends, such as 2026-12-31, or 2026-12-31T18:00:00Z')
  return 0
}

function readRenewed(place: Place): ExceptionId | undefined {
  const text = place.text()
  if (isId('exc', text)) return text
  place.fault('this is the id of no exception', 'write exc_… as remit exception list shows it')
  return undefined
}
