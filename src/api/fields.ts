/** The kinds of members that inputs are made of, each with its limit. */
import { z } from 'zod'
import { type Id, type IdPrefix, isId } from '../kernel/ids.ts'
import { parseDuration } from '../kernel/instants.ts'
import { Fraction, type JsonObject } from '../kernel/json.ts'
import { isSubjectId, type SubjectId } from '../model/grants.ts'
import { isName } from '../model/scope.ts'

/** Text that a person or a program wrote: at most so many characters, not blank. */
export function words(charactersMax: number) {
  return z
    .string()
    .max(charactersMax, `at most ${charactersMax} characters`)
    .refine((text) => text.trim() !== '', 'it is empty')
}

export const reason = words(500)

export const name = z.string().refine(isName, 'lowercase letters, digits and . _ -, at most 64')

/** `30m`, as milliseconds. */
export const duration = z.string().transform((text, context) => {
  const read = parseDuration(text)
  if (read.ok) return read.value
  context.addIssue({ code: 'custom', message: 'write it like 90s, 30m, 2h or 1d' })
  return z.NEVER
})

/** An id of one kind; what is none answers as what is not there: see `endpoint`. */
export function id<P extends IdPrefix>(prefix: P) {
  return z.custom<Id<P>>((value) => typeof value === 'string' && isId(prefix, value), 'no such id')
}

/** An id of anything that people say yes or no to. */
export const subjectId = z.custom<SubjectId>((value) => typeof value === 'string' && isSubjectId(value), 'no such id')

/** A whole number written in a query. */
export function count(min: number, max: number) {
  return z
    .string()
    .regex(/^(?:0|[1-9]\d{0,14})$/, `a whole number from ${min} to ${max}`)
    .transform(Number)
    .refine((value) => value >= min && value <= max, `a whole number from ${min} to ${max}`)
}

export const flag = z.enum(['true', 'false']).transform((text) => text === 'true')

/** A JSON object that is read further inside. */
export const jsonObject = z.custom<JsonObject>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Fraction),
  'it is a JSON object',
)

/** base64url of 32 bytes, as challenges are handed out. */
export const challenge = z.string().regex(/^[A-Za-z0-9_-]{20,128}$/, 'as it was handed out')

/** The secret part of a one-time link. */
export const link = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'as it stands in the link')
