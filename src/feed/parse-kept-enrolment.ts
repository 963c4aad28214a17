/** Reads back what a gateway keeps of its enrolment between its runs. */
import { done, type Result } from '../kernel/result.ts'
import type { FedSelf } from './fed-parts.ts'
import { count, hex, id, object, readAs, upTo } from './parse-shapes.ts'

/** What it was told when it enrolled, and what it showed. */
export interface KeptEnrolment {
  readonly self: FedSelf
  /** SHA-256 of the code that it used, in hex. */
  readonly code: string
  /** PEM of the authority that vouches for control. */
  readonly authority: string
  /** PEM, over its key. */
  readonly certificate: string
}

const word = upTo(64)
const pem = upTo(8_192)
const enrolment = object<KeptEnrolment>({
  self: object<FedSelf>({ id: id('gtw'), space: word, name: word, gateway: word }),
  code: hex(32),
  authority: pem,
  certificate: pem,
})
const epoch = object<{ readonly epoch: number }>({ epoch: count })

/** Refuses `feed.unreadable` on what was not written by `remit gateway`. */
export function parseKeptEnrolment(text: string): Result<KeptEnrolment> {
  return readAs(text, enrolment)
}

export function parseKeptEpoch(text: string): Result<number> {
  const read = readAs(text, epoch)
  return read.ok ? done(read.value.epoch) : read
}
