/** How a client is told that its call is held: in the first of four shapes that it can take, all of the one record. */
import type { Verdict } from '../../control/ports.ts'
import type { Asked } from './asked.ts'
import type { Door } from './door.ts'
import type { Resumed } from './held-calls.ts'

export interface HeldTelling {
  readonly asked: Asked
  readonly resumed: Resumed
  readonly held: Extract<Verdict, { outcome: 'held' }>
  readonly gone: AbortSignal
}

/**
 * The answer; `answered` where a person answered meanwhile, so that the call is decided once more; `undefined` where its client knows none
 * of the other shapes, and is told as whoever is refused.
 */
export async function tellHeld(door: Door, { asked, resumed, held, gone }: HeldTelling): Promise<Uint8Array | 'answered' | undefined> {
  const { message, round } = resumed
  const question = () => door.held.question(asked.bearer, asked.envelope, resumed, held)
  const task = () => door.tasks.open(asked, message, held)
  // Questions come before there is a task (SEP-2663); and who takes tasks need not be told "not yet" again and again.
  const told = round === 0 ? (question() ?? task()) : (task() ?? question())
  if (told !== undefined) return told
  return (await door.pages.isAnswered(asked, held, gone)) ? 'answered' : door.pages.error(asked, held)
}
