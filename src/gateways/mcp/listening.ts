/** Hears what passes to a caller without being an action, streams and completions: anybody may have written it, as they may a result. */
import type { Result } from '../../kernel/result.ts'
import type { Asked } from './asked.ts'
import type { Door, Member } from './door.ts'
import { withFirstWords } from './first-words.ts'
import type { Tap } from './passage.ts'
import { ResultTap } from './result-tap.ts'

/** Of one event, and of one stream: what is beyond counts as something that nobody knows. */
const heardBytesMax = 4_194_304

/**
 * The server and the tap for what passes along: its first words are told when it is kept at home that this caller reads them, and refused
 * where that cannot be kept. `beside`: another tap, which hears all.
 */
export function listenAlong(
  door: Door,
  { bearer, message }: Asked,
  member: Member,
  beside: Tap | undefined,
): { readonly member: Member; readonly tap?: Tap } {
  const { service, server } = member
  // What a server says of itself is no more than what is declared of it.
  const isPlain = message.method === 'initialize' || service.routes.every(({ trust }) => trust === 'trusted')
  if (isPlain) return { member, ...(beside === undefined ? {} : { tap: beside }) }
  const failed = (err: unknown) => door.log.error({ service: service.id, err }, 'what a caller reads could not be noted: it is not told')
  const known = async (): Promise<Result<undefined>> => {
    // Begun before it is known at home that something was read: a memory that begins after that has lost what it was.
    const memory = await door.memories.of(bearer, (each) => door.control.readBefore(each))
    return memory.ok ? door.control.readsAlong(bearer, service) : memory
  }
  const source = { operation: service.id, trust: 'untrusted' } as const
  const words = new ResultTap(door.limits, heardBytesMax, {
    told: (content) => door.memories.saw(bearer, source, { content, isPart: true }),
  })
  return { member: { service, server: withFirstWords(server, { limits: door.limits, known, failed }) }, tap: both(words, beside) }
}

function both(words: Tap, beside: Tap | undefined): Tap {
  return {
    onHead: (...head) => {
      words.onHead?.(...head)
      beside?.onHead?.(...head)
    },
    onData: (bytes) => {
      words.onData(bytes)
      beside?.onData(bytes)
    },
    onOver: (isWhole) => {
      words.onOver(isWhole)
      return beside?.onOver(isWhole)
    },
  }
}
