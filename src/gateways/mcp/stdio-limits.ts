/** Every bound of MCP servers that the gateway starts itself; bytes, counts and milliseconds as the names say. */
import type { Milliseconds } from '../../kernel/instants.ts'

export interface StdioLimits {
  /** One message of the server. A longer one breaks the exchange that it is for. */
  readonly lineBytesMax: number
  /** A line that has not ended after so many ends the server. */
  readonly endlessLineBytesMax: number
  /** What waits for the clients of one server that do not take it. */
  readonly waitingBytesMax: number
  /** What waits for a server that does not read. */
  readonly inputBytesMax: number
  /** Exchanges under way with one server, those that wait for its start included. */
  readonly exchangesMax: number
  /** Lines in a row that are no message: what is said then is not MCP. */
  readonly strayLinesMax: number
  /** From its start to its answer to the opening. */
  readonly startMs: Milliseconds
  /** Without an answer or a sign of progress. */
  readonly answerMs: Milliseconds
  /** Whatever its progress. */
  readonly answerMsMax: Milliseconds
  /** Without exchanges it is ended. */
  readonly idleMs: Milliseconds
  /** Questions of one child that wait for its client. */
  readonly questionsMax: number
  /** Of questions of one child that could not be told yet, together. */
  readonly questionBytesMax: number
  /** From a question of the server's to its client's answer. */
  readonly questionMs: Milliseconds
  /** So long a question waits for a stream of the client's. */
  readonly streamMs: Milliseconds
  /** Clients that can be asked, and of which it is known what they offer. */
  readonly clientsMax: number
  /** Children that run for one client each; those beyond share, and are asked nothing. */
  readonly ownChildrenMax: number
  /** Of them, for one caller. */
  readonly ownChildrenOfOneMax: number
  /** One that was quiet for so long makes room for another's. */
  readonly ownQuietMs: Milliseconds
  /** So many that end in a row without having answered anything make it rest. */
  readonly failuresMax: number
  /** How long it rests at first; twice as long after each further failure, and never longer than `restMsMax`. */
  readonly restMs: Milliseconds
  readonly restMsMax: Milliseconds
}

export const stdioLimits: StdioLimits = {
  lineBytesMax: 67_108_864,
  endlessLineBytesMax: 268_435_456,
  waitingBytesMax: 268_435_456,
  inputBytesMax: 67_108_864,
  exchangesMax: 1_024,
  strayLinesMax: 100,
  startMs: 30_000,
  answerMs: 120_000,
  answerMsMax: 3_600_000,
  idleMs: 300_000,
  questionsMax: 16,
  questionBytesMax: 4_194_304,
  questionMs: 600_000,
  streamMs: 30_000,
  clientsMax: 1_000,
  ownChildrenMax: 16,
  ownChildrenOfOneMax: 4,
  ownQuietMs: 10_000,
  failuresMax: 3,
  restMs: 1_000,
  restMsMax: 30_000,
}
