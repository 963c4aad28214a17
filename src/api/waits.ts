/** Calls that are answered when something happens: so many at once, of one caller and in all. */
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Desk } from '../control/desk.ts'

const waitsOfOneMax = 32
const waitsMax = 1_000
const waiting = new WeakMap<Desk, Map<string, number>>()

export interface Waited {
  /** Whether it happened. */
  isOver(): boolean
  /** Calls `look` on whatever may have made it happen. Answers how to stop. */
  watch(look: () => void): () => void
}

/** Resolves when it happened, when the time is over or the client is gone; refuses who waits for too much at once. */
export async function waitWithin(
  desk: Desk,
  waited: Waited,
  { who, wait, signal }: { readonly who: string; readonly wait: Milliseconds; readonly signal: AbortSignal },
): Promise<Result<undefined>> {
  const counts = waiting.get(desk) ?? new Map<string, number>()
  waiting.set(desk, counts)
  const own = counts.get(who) ?? 0
  const all = [...counts.values()].reduce((sum, each) => sum + each, 0)
  if (own >= waitsOfOneMax || all >= waitsMax) return refuse('rate.exceeded', { detail: '5s' })
  counts.set(who, own + 1)
  try {
    await happening(desk, waited, wait, signal)
    return done(undefined)
  } finally {
    const left = (counts.get(who) ?? 1) - 1
    if (left > 0) counts.set(who, left)
    else counts.delete(who)
  }
}

function happening(desk: Desk, waited: Waited, wait: Milliseconds, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      unwatch()
      callOff()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const unwatch = waited.watch(() => {
      if (waited.isOver()) finish()
    })
    const callOff = desk.clock.after(wait, finish)
    signal.addEventListener('abort', finish)
    // It may have happened between being read and being watched.
    if (waited.isOver()) finish()
  })
}
