/** Answers that a server gives again and again, such as its list of tools, read once: what is the same to the byte reads the same, whatever its id. */
import { createHash } from 'node:crypto'
import type { Result } from '../../kernel/result.ts'
import { done } from '../../kernel/result.ts'
import { readMessage } from './json-rpc.ts'
import type { Span } from './list-spans.ts'
import type { MessageLimits } from './limits.ts'
import type { McpServer, Message } from './ports.ts'

/** Shorter ones are read in less time than it takes to know them again. */
const keptBytesMin = 4_096
/** Of all answers of one server that are kept; what was read of them takes some times as much. */
const keptBytesMax = 4_194_304

const ofServers = new WeakMap<McpServer, ReadAnswers>()

/** As `readMessage`, of an answer of this server. Always with the same limits. */
export function readAnswer(server: McpServer, bytes: Uint8Array, limits: MessageLimits): Result<Message> {
  const answers = ofServers.get(server) ?? new ReadAnswers()
  ofServers.set(server, answers)
  return answers.read(bytes, limits)
}

interface Kept {
  readonly message: Message
  readonly bytes: number
}

export class ReadAnswers {
  /** By the hash of all but the id; the one that was asked for longest ago comes first. */
  readonly #kept = new Map<string, Kept>()
  #bytes = 0

  read(bytes: Uint8Array, limits: MessageLimits): Result<Message> {
    const idAt = bytes.byteLength < keptBytesMin ? undefined : plainIdAt(bytes)
    if (idAt === undefined) return readMessage(bytes, limits)
    const key = keyOf(bytes, idAt)
    const known = this.#kept.get(key)
    if (known !== undefined) {
      this.#kept.delete(key)
      this.#kept.set(key, known)
      // One whole id in the place of another: the text around it means what it meant.
      return done({ ...known.message, id: textAt(bytes, idAt), idAt, bytes })
    }
    const read = readMessage(bytes, limits)
    if (read.ok && read.value.result !== undefined && isSame(read.value.idAt, idAt)) this.#keep(key, read.value)
    return read
  }

  #keep(key: string, { bytes: { byteLength }, ...message }: Message): void {
    if (byteLength > keptBytesMax) return
    this.#kept.set(key, { message: { ...message, bytes: nothing }, bytes: byteLength })
    this.#bytes += byteLength
    for (const [oldest, { bytes }] of this.#kept) {
      if (this.#bytes <= keptBytesMax) return
      this.#kept.delete(oldest)
      this.#bytes -= bytes
    }
  }
}

const nothing = new Uint8Array()
/** Bytes at either end of an answer in which its id is looked for. */
const endBytes = 256
const id = '("[ !#-\\[\\]-~]{0,100}"|0|-?[1-9][0-9]{0,14})'
const first = new RegExp(
  `^[ \\t\\r\\n]*\\{[ \\t\\r\\n]*(?:"jsonrpc"[ \\t]*:[ \\t]*"2\\.0"[ \\t\\r\\n]*,[ \\t\\r\\n]*)?"id"[ \\t]*:[ \\t]*${id}[ \\t\\r\\n]*,`,
  'd',
)
const last = new RegExp(`,[ \\t\\r\\n]*"id"[ \\t]*:[ \\t]*${id}[ \\t\\r\\n]*\\}[ \\t\\r\\n]*$`, 'd')

/** Where an id seems to stand that is written without escapes, at the beginning or the end. It is the id only if the reader says the same. */
function plainIdAt(bytes: Uint8Array): Span | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const [from, to] = first.exec(text.toString('latin1', 0, endBytes))?.indices?.[1] ?? []
  if (from !== undefined && to !== undefined) return { from, to }
  const start = bytes.byteLength - endBytes
  const [lastFrom, lastTo] = last.exec(text.toString('latin1', start))?.indices?.[1] ?? []
  return lastFrom === undefined || lastTo === undefined ? undefined : { from: start + lastFrom, to: start + lastTo }
}

function keyOf(bytes: Uint8Array, { from, to }: Span): string {
  return `${from} ${createHash('sha256').update(bytes.subarray(0, from)).update(bytes.subarray(to)).digest('base64')}`
}

function textAt(bytes: Uint8Array, { from, to }: Span): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + from, to - from).toString('latin1')
}

function isSame(one: Span | undefined, other: Span): boolean {
  return one !== undefined && one.from === other.from && one.to === other.to
}
