/** What comes after what: an action that was answered is told to its home once, and whatever came too early looks again. */
import { carries } from '../decision/covers.ts'
import { isLive } from '../decision/decide.ts'
import type { GrantId } from '../kernel/ids.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Action, resourceOf } from '../model/actions.ts'
import { type Counted, isOpened } from '../model/counting.ts'
import { type Grant, usesId } from '../model/grants.ts'
import { type Desk, machinery, note } from './desk.ts'
import type { Decision, Outcome } from './ports.ts'

/** An action that was done, as its gateway tells its home. */
export interface Done {
  readonly decision: Pick<Decision, 'id' | 'grant' | 'session' | 'action'>
}

/** What a gateway has told its home and has no answer to yet, by grant: whoever asks meanwhile waits for it rather than being refused. */
export class Orders {
  readonly #told = new Map<GrantId, Set<Promise<unknown>>>()

  tell(grant: GrantId, telling: Promise<unknown>): void {
    const ofGrant = this.#told.get(grant) ?? new Set<Promise<unknown>>()
    this.#told.set(grant, ofGrant)
    // What was not heard at its home did not happen: doing it again is all that is lost.
    const told = telling
      .catch(() => undefined)
      .finally(() => {
        ofGrant.delete(told)
        if (ofGrant.size === 0 && this.#told.get(grant) === ofGrant) this.#told.delete(grant)
      })
    ofGrant.add(told)
  }

  /** Resolves when all that was told until now was heard; `undefined` where nothing is to be waited for. */
  heard(grant: GrantId): Promise<unknown> | undefined {
    const ofGrant = this.#told.get(grant)
    return ofGrant === undefined ? undefined : Promise.all(ofGrant)
  }
}

/** Whether it was done, as far as its answer says: whatever is not known, was cut short or is an error comes before nothing. */
export function isDone({ result, status = 200, says, reason }: Outcome): boolean {
  return result === 'answered' && reason === undefined && says === undefined && status < 400
}

/** The lines that this action opens, which nothing has opened yet. */
export function opens({ scope }: Grant, action: Action, counted: (line: number) => Counted): readonly number[] {
  const resource = resourceOf(action)
  return [...scope.keys()].filter((line) => {
    const entry = scope[line]
    return entry?.after === resource && !isOpened(entry, counted(line))
  })
}

/**
 * Opens the lines that come after it, for every gateway and for good. Refuses `grant.ended`, and `action.changed` for an action that no
 * line of the grant carries.
 */
export function openAfter(desk: Desk, { decision: { id: decision, grant: id, action } }: Done): Promise<Result<undefined>> {
  return desk.store.change(async (tx) => {
    const grant = await tx.get('grant', id)
    if (grant === undefined || !isLive(grant, tx.now)) return refuse('grant.ended')
    if (!grant.scope.some((entry) => carries(entry, action))) return refuse('action.changed')
    const uses = await tx.find('uses', { grant: id })
    const lines = opens(grant, action, (line) => uses.find((each) => each.line === line) ?? { spent: 0 })
    if (lines.length === 0) return done(undefined)
    for (const line of lines) {
      const before = uses.find((each) => each.line === line)
      await tx.put('uses', { ...(before ?? { id: usesId(id, line), space: desk.space, grant: id, line, spent: 0 }), opened: tx.now })
    }
    const [actor] = grant.chain
    await note(tx, {
      kind: 'line.opened',
      actor: (actor === undefined ? undefined : desk.facts.identity(actor)?.name) ?? machinery,
      subject: id,
      facts: { lines: [...lines], after: resourceOf(action), decision },
    })
    return done(undefined)
  })
}
