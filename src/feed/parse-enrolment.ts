/** Reads what is said when a gateway enrols: strictly, on both sides. */
import { isRefusalCode, type RefusalCode } from '../kernel/refusals.ts'
import { isJsonObject } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import type { EnrolAnswer, EnrolRequest } from './enrolment.ts'
import { id, object, one, readAs, type Shape, upTo } from './parse-shapes.ts'

const word = upTo(64)
const pem = upTo(8_192)

/** Refuses `feed.unreadable`. */
export function parseEnrolRequest(text: string): Result<EnrolRequest> {
  return readAs(text, request)
}

/** Refuses `feed.unreadable`. */
export function parseEnrolAnswer(text: string): Result<EnrolAnswer> {
  return readAs(text, (value): EnrolAnswer => (isJsonObject(value) && Object.hasOwn(value, 'code') ? refused(value) : enrolled(value)))
}

const request = object<EnrolRequest>({ type: one('enrol'), code: upTo(128), request: pem, journal: upTo(512) })

/** A code of a later version is a no all the same. */
const code: Shape<RefusalCode> = (value) => {
  const read = word(value)
  return isRefusalCode(read) ? read : 'enrolment.refused'
}

const refused = object<Extract<EnrolAnswer, { readonly type: 'refused' }>>({ type: one('refused'), code })

const enrolled = object<Extract<EnrolAnswer, { readonly type: 'enrolled' }>>({
  type: one('enrolled'),
  id: id('gtw'),
  space: word,
  name: word,
  gateway: word,
  certificate: pem,
})
