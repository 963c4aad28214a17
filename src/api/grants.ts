/** Finding a grant, and waiting for it without polling. */
import type { GrantId } from '../kernel/ids.ts'
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Desk } from '../control/desk.ts'
import type { Grant } from '../model/grants.ts'

/** A grant of this space, open or ended. Whoever calls asks next whether it may be seen. */
export async function findGrant(desk: Desk, id: GrantId): Promise<Grant | undefined> {
  const grant = desk.facts.grant(id) ?? (await desk.store.read((tx) => tx.get('grant', id)))
  return grant?.space === desk.space ? grant : undefined
}

const waitsOfOneMax = 32
const waitsMax = 1_000
const waiting = new WeakMap<Desk, Map<string, number>>()

/** Resolves when the grant is in another state than now, when the time is over or the client is gone. */
export async function untilGrantLeaves(
  desk: Desk,
  grant: Pick<Grant, 'id' | 'state'>,
  { who, wait, signal }: { readonly who: string; readonly wait: Milliseconds; readonly signal: AbortSignal },
): Promise<Result<undefined>> {
  const counts = waiting.get(desk) ?? new Map<string, number>()
  waiting.set(desk, counts)
  const own = counts.get(who) ?? 0
  const all = [...counts.values()].reduce((sum, each) => sum + each, 0)
  if (own >= waitsOfOneMax || all >= waitsMax) return refuse('rate.exceeded', { detail: '5s' })
  counts.set(who, own + 1)
  try {
    await stateChange(desk, grant, wait, signal)
    return done(undefined)
  } finally {
    const left = (counts.get(who) ?? 1) - 1
    if (left > 0) counts.set(who, left)
    else counts.delete(who)
  }
}

function stateChange(desk: Desk, grant: Pick<Grant, 'id' | 'state'>, wait: Milliseconds, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve()
  return new Promise((resolve) => {
    const finish = () => {
      unwatch()
      callOff()
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const unwatch = desk.facts.onChange((change) => {
      if (change.kind === 'grant' && change.id === grant.id && 'record' in change && change.record.state !== grant.state) finish()
    })
    const callOff = desk.clock.after(wait, finish)
    signal.addEventListener('abort', finish)
    // It may have changed between being read and being watched.
    if (desk.facts.grant(grant.id)?.state !== grant.state) finish()
  })
}
