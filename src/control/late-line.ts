/** A line of the journal of which something is still being made when it takes its number: it is whole when it is written down. */
import { type DecisionEntry, type OutcomeEntry, writeDecision, writeOutcome } from '../ledger/action-lines.ts'
import type { Arguments } from '../model/actions.ts'
import { lateArguments } from './late-arguments.ts'
import { workOn } from './late-hash.ts'
import type { Clock, Outcome } from './ports.ts'
import type { RecordedArguments } from './recorded-arguments.ts'

export interface LateLine {
  readonly bytesMax: number
  /** What is missing is made by then. Called once. */
  whole(): string
}

export function wholeOf(line: string | LateLine): string {
  return typeof line === 'string' ? line : line.whole()
}

/**
 * For an action with long arguments, which are worked on while whatever was decided is under way; `undefined` for others. `draft` stands
 * in the entry as the arguments.
 */
export function lateLine(
  given: Arguments,
  clock: Pick<Clock, 'turn'>,
): { readonly draft: RecordedArguments; of(entry: DecisionEntry): (n: number) => LateLine } | undefined {
  const late = lateArguments(given)
  if (late === undefined) return undefined
  workOn(late, clock)
  return {
    draft: late.draft,
    of: (entry) => (n) => ({
      bytesMax: Buffer.byteLength(writeDecision(n, entry)),
      whole: () => writeDecision(n, { ...entry, arguments: late.whole() }),
    }),
  }
}

/** Whether it is of the frame is known once it is made. */
type LateBodyHash = Exclude<Outcome['bodySha256'], string | undefined>

/** For an outcome whose body is still being hashed. */
export function lateOutcome(entry: OutcomeEntry, hash: LateBodyHash): (n: number) => LateLine {
  return (n) => ({
    // The longer one of the two names.
    bytesMax: Buffer.byteLength(writeOutcome(n, { ...entry, frameSha256: '0'.repeat(64) })),
    whole: () => {
      const hex = hash.hex()
      return writeOutcome(n, { ...entry, ...(hash.isOfFrame ? { frameSha256: hex } : { bodySha256: hex }) })
    },
  })
}
