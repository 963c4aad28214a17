/** Every bound of the ports of the MCP gateway and of what lies behind them; bytes, counts and milliseconds as the names say. */
import type { ConnectionLimits } from '../shared/connection.ts'
import { defaultLimits, type McpLimits } from './limits.ts'
import type { HttpServerLimits } from './upstream-http.ts'

export interface FrontLimits extends McpLimits, HttpServerLimits, ConnectionLimits {
  /** An answer that is read whole: a list that is filtered. */
  readonly listBytesMax: number
  /** Pages of one list of one joined server. */
  readonly listPagesMax: number
  /** Above it, the one that has been idle longest makes room. */
  readonly connectionsPerServiceMax: number
  readonly exchangesPerServiceMax: number
  /** Of one caller among them: a few who do not read must not keep others out. */
  readonly exchangesPerOwnerMax: number
  /** Refusals of requests without a known caller that are recorded one by one: so many from one address at once … */
  readonly anonymousRefusalsMax: number
  /** … and so many a minute for as long as it goes on. */
  readonly anonymousRefusalsPerMinuteMax: number
}

export const defaultFrontLimits: FrontLimits = {
  ...defaultLimits,
  headerBytesMax: 16_384,
  listBytesMax: 10_485_760,
  listPagesMax: 100,
  connectionsPerServiceMax: 4_000,
  exchangesPerServiceMax: 2_048,
  exchangesPerOwnerMax: 1_024,
  anonymousRefusalsMax: 1_000,
  anonymousRefusalsPerMinuteMax: 60,
  headersMs: 10_000,
  bodyMs: 30_000,
  bodyBytesPerSecondMin: 500,
  keepAliveMs: 60_000,
  drainMs: 1_000,
  pipelinedMax: 16,
  connectMs: 5_000,
  answerMs: 1_800_000,
  upstreamIdleMs: 4_000,
  upstreamHeaderBytesMax: 32_768,
  connectFailuresMax: 5,
  restMs: 1_000,
  restMsMax: 30_000,
}
