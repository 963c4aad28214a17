/** What must be done with an action whoever permits it: how firmly it is recorded, how large its answer and how long it may be. */
import { formatDuration, type Milliseconds, parseDuration } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Evidence } from './effects.ts'

export interface Obligations {
  /** The record is at least so firm before the action is forwarded. */
  readonly evidence?: Evidence
  /** Bytes of the answer's body that may reach the client. */
  readonly answerBytesMax?: number
  /** From when forwarding begins to the last byte of the answer. */
  readonly millisecondsMax?: Milliseconds
}

export const obligationNames = ['evidence', 'answerBytesMax', 'millisecondsMax'] as const satisfies readonly (keyof Obligations)[]
export type ObligationName = (typeof obligationNames)[number]

export const noObligations: Obligations = {}

/** What a duty takes, for whoever wrote something else. */
export const dutyTakes = 'record=written, record=durable, answer<=64kB (B, kB, MB, GB or KiB, MiB, GiB) and time<=30s, separated by commas'

const firmness: readonly Evidence[] = ['buffered', 'written', 'durable']
const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1_000,
  MB: 1_000_000,
  GB: 1_000_000_000,
  KiB: 1_024,
  MiB: 1_048_576,
  GiB: 1_073_741_824,
}

/** The firmer of the two. */
export function firmer(left: Evidence, right: Evidence | undefined): Evidence {
  return right !== undefined && firmness.indexOf(right) > firmness.indexOf(left) ? right : left
}

/** Reads `record=durable, answer<=1MB, time<=30s`: each at most once, at least one. Refuses `policy.invalid`, saying which word is not understood. */
export function parseObligations(text: string): Result<Obligations> {
  let read: Obligations = {}
  for (const part of text.split(',')) {
    const next = readPart(part.trim())
    if (next === undefined) return refuse('policy.invalid', { detail: `"${part.trim().slice(0, 60)}" is no duty of Remit's` })
    const again = obligationNames.find((name) => next[name] !== undefined && read[name] !== undefined)
    if (again !== undefined) return refuse('policy.invalid', { detail: `"${part.trim().slice(0, 60)}" says again what was said before` })
    read = { ...read, ...next }
  }
  return done(read)
}

function readPart(part: string): Obligations | undefined {
  const [, name = '', value = ''] = /^(record\s*=|answer\s*<=|time\s*<=)\s*(\S{1,40})$/.exec(part) ?? []
  switch (name.replaceAll(/[\s<=]/g, '')) {
    case 'record':
      return value === 'written' || value === 'durable' ? { evidence: value } : undefined
    case 'answer': {
      const [, digits = '', unit = ''] = /^(\d{1,12})(B|kB|MB|GB|KiB|MiB|GiB)$/.exec(value) ?? []
      const bytes = Number(digits) * (unitBytes[unit] ?? Number.NaN)
      return digits !== '' && Number.isSafeInteger(bytes) ? { answerBytesMax: bytes } : undefined
    }
    case 'time': {
      const time = parseDuration(value)
      return time.ok ? { millisecondsMax: time.value } : undefined
    }
    default:
      return undefined
  }
}

/** The strictest of each. */
export function uniteObligations(list: Iterable<Obligations>): Obligations {
  let united: Obligations = noObligations
  for (const { evidence, answerBytesMax, millisecondsMax } of list) {
    united = {
      ...united,
      ...(evidence === undefined ? {} : { evidence: firmer(evidence, united.evidence) }),
      ...(answerBytesMax === undefined ? {} : { answerBytesMax: Math.min(answerBytesMax, united.answerBytesMax ?? Infinity) }),
      ...(millisecondsMax === undefined ? {} : { millisecondsMax: Math.min(millisecondsMax, united.millisecondsMax ?? Infinity) }),
    }
  }
  return united
}

/** Whether whoever does `promised` also does `wanted`: for each, the same or more. */
export function isAtLeastAsDutiful(promised: Obligations, wanted: Obligations): boolean {
  const { evidence, answerBytesMax = Infinity, millisecondsMax = Infinity } = promised
  return (
    firmer(evidence ?? 'buffered', wanted.evidence) === (evidence ?? 'buffered') &&
    answerBytesMax <= (wanted.answerBytesMax ?? Infinity) &&
    millisecondsMax <= (wanted.millisecondsMax ?? Infinity)
  )
}

/** The names of those that are there. */
export function namesOf(obligations: Obligations): readonly ObligationName[] {
  return obligationNames.filter((name) => obligations[name] !== undefined)
}

/** `record=durable, answer<=1MB, time<=30s`: in one way, whatever way they were written. */
export function describeObligations({ evidence, answerBytesMax, millisecondsMax }: Obligations): string {
  const parts = [
    ...(evidence === undefined ? [] : [`record=${evidence}`]),
    ...(answerBytesMax === undefined ? [] : [`answer<=${formatBytes(answerBytesMax)}`]),
    ...(millisecondsMax === undefined ? [] : [`time<=${formatExactly(millisecondsMax)}`]),
  ]
  return parts.join(', ')
}

/** Exact, in the largest unit that divides it. */
function formatBytes(bytes: number): string {
  if (bytes === 0) return '0B'
  const whole = Object.entries(unitBytes).filter(([, size]) => bytes % size === 0)
  const [unit, size] = whole.reduce((best, next) => (next[1] > best[1] ? next : best), ['B', 1])
  return `${bytes / size}${unit}`
}

function formatExactly(milliseconds: Milliseconds): string {
  const text = formatDuration(milliseconds)
  const read = parseDuration(text)
  return read.ok && read.value === milliseconds ? text : `${milliseconds}ms`
}
