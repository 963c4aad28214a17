/** Long arguments on their way into a journal's line: what needs all of a long text is made while the action is under way, and before the line is written. */
import type { Arguments } from '../model/actions.ts'
import { LateText } from './late-text.ts'
import { type RecordedArguments, recordedArguments, shortened } from './recorded-arguments.ts'

/** Shorter texts are hashed in less time than it takes to put it off. */
const lateMin = 65_536

/** The arguments of one action as its line will keep them. */
export interface LateArguments {
  /** As they will be, or longer. */
  readonly draft: RecordedArguments
  /** A piece of work more; answers whether that was the last. */
  step(): boolean
  /** To the byte what `recordedArguments` answers. What is left to do is done now. */
  whole(): RecordedArguments
}

/** `undefined` where no text among them is so long that it is worth it. */
export function lateArguments(given: Arguments): LateArguments | undefined {
  let isLong = false
  for (const name of Object.keys(given)) if (isLate(given[name])) isLong = true
  if (!isLong) return undefined
  const late = new Map<unknown, LateText>()
  const draft = recordedArguments(given, (value) => {
    if (!isLate(value)) return shortened(value)
    const text = new LateText(value)
    late.set(text.draft, text)
    return text.draft
  })
  return {
    draft,
    step: () => [...late.values()].every((text) => text.step()),
    whole: () => Object.fromEntries(Object.entries(draft).map(([name, value]) => [name, late.get(value)?.whole() ?? value])),
  }
}

function isLate(value: unknown): value is string {
  return typeof value === 'string' && value.length >= lateMin
}
