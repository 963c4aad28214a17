/** Every bound of the HTTP gateway in one place; bytes, counts and milliseconds as the names say. */
import type { Milliseconds } from '../../kernel/instants.ts'
import type { ConnectionLimits } from '../shared/connection.ts'
import type { UpstreamLimits } from '../shared/upstream.ts'

export interface HttpLimits extends ConnectionLimits, UpstreamLimits {
  readonly headersMax: number
  readonly targetBytesMax: number
  /** A body that must be known whole before it is decided upon. */
  readonly heldBodyBytesMax: number
  /** A JSON body from which arguments are read. */
  readonly argumentBodyBytesMax: number
  /** Above it, the one that has been idle longest makes room. */
  readonly connectionsPerServiceMax: number
  readonly exchangesPerServiceMax: number
  /** HTTP/2: requests under way on one connection. */
  readonly streamsPerConnectionMax: number
  /** HTTP/2: streams that a client resets, or makes us reset: so many at once … */
  readonly resetsMax: number
  /** … and so many a second for as long as it goes on. */
  readonly resetsPerSecondMax: number
  /** HTTP/2: frames that bring nothing forward, likewise. */
  readonly idleFramesMax: number
  readonly idleFramesPerSecondMax: number
  /** Refusals of requests without a known caller that are recorded one by one: so many from one address at once … */
  readonly anonymousRefusalsMax: number
  /** … and so many a minute for as long as it goes on. */
  readonly anonymousRefusalsPerMinuteMax: number

  readonly connectMs: Milliseconds
  /** From the request's last byte to the head of the answer. */
  readonly answerMs: Milliseconds
  /** A body under way, without a byte in either direction. */
  readonly idleMs: Milliseconds
}

export const defaultLimits: HttpLimits = {
  headerBytesMax: 16_384,
  headersMax: 100,
  targetBytesMax: 8_192,
  upstreamHeaderBytesMax: 32_768,
  heldBodyBytesMax: 1_048_576,
  argumentBodyBytesMax: 1_048_576,
  connectionsPerServiceMax: 16_000,
  exchangesPerServiceMax: 1_024,
  pipelinedMax: 16,
  streamsPerConnectionMax: 100,
  resetsMax: 200,
  resetsPerSecondMax: 20,
  idleFramesMax: 1_000,
  idleFramesPerSecondMax: 100,
  anonymousRefusalsMax: 1_000,
  anonymousRefusalsPerMinuteMax: 60,
  headersMs: 10_000,
  bodyMs: 30_000,
  bodyBytesPerSecondMin: 500,
  keepAliveMs: 60_000,
  connectMs: 5_000,
  answerMs: 60_000,
  idleMs: 300_000,
  upstreamIdleMs: 4_000,
  drainMs: 1_000,
  connectFailuresMax: 5,
  restMs: 1_000,
  restMsMax: 30_000,
}

/** How long a held request waits unless it says so itself, and the most it may ask for, in seconds (`Prefer: wait`). */
export const holdWaitSeconds = { usual: 10, max: 60 } as const
