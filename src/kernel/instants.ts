/** Instants are UTC milliseconds since 1970; durations are milliseconds, written as `90s`, `30m`, `2h`, `1d`. */
import { refuse } from './refusals.ts'
import { done, type Result } from './result.ts'

/** UTC milliseconds since 1970-01-01. Every stored time is one of these. */
export type Instant = number

/** A length of time in milliseconds. */
export type Milliseconds = number

const unitMs: Readonly<Record<string, Milliseconds>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
}

const daysMax = 3650

/** Reads `45s`, `30m`, `2h`, `1d`, `1h30m`. Refuses zero, unknown units and more than ten years: `duration.malformed`. */
export function parseDuration(text: string): Result<Milliseconds> {
  if (!/^(?:\d{1,7}(?:ms|[smhd]))+$/.test(text)) return refuse('duration.malformed', { detail: text.slice(0, 40) })
  let total = 0
  for (const [, digits = '0', unit = ''] of text.matchAll(/(\d+)(ms|[smhd])/g)) total += Number(digits) * (unitMs[unit] ?? 0)
  if (total <= 0 || total > daysMax * 86_400_000) return refuse('duration.malformed', { detail: text.slice(0, 40) })
  return done(total)
}

/** Writes a duration as people say it: the two largest units, rounded down, never empty. */
export function formatDuration(milliseconds: Milliseconds): string {
  if (milliseconds < 1_000) return `${Math.max(0, Math.floor(milliseconds))}ms`
  const parts: string[] = []
  let rest = milliseconds
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = unitMs[unit] ?? 1
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.slice(0, 2).join('')
}

/** RFC 3339 in UTC with milliseconds. */
export function formatInstant(instant: Instant): string {
  return new Date(instant).toISOString()
}

/** Reads an instant in UTC: a day (its first moment) or `2026-12-31T18:00:00Z`. Refuses `input.invalid`, days that do not exist included. */
export function parseInstant(text: string): Result<Instant> {
  const isWritten = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z)?$/.test(text)
  const instant = isWritten ? Date.parse(text) : Number.NaN
  const isDay = !Number.isNaN(instant) && formatInstant(instant).slice(0, 10) === text.slice(0, 10)
  if (isDay) return done(instant)
  return refuse('input.invalid', { detail: `"${text.slice(0, 40)}" is no instant; write 2026-12-31 or 2026-12-31T18:00:00Z` })
}
