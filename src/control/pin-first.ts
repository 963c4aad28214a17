/** A tool is called only as what its server says that it is: what was heard of it, kept with the grant before its first call is decided. */
import { pinOf } from '../decision/drift.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { Grant } from '../model/grants.ts'
import type { Gate } from './gate.ts'
import type { Call } from './ports.ts'

/** What a gateway has heard of the tool that is called. */
export interface HeardTool {
  /** Its definition as canonical JSON; absent where that is too long to be shown. */
  readonly says?: string
  /** What it was when it was shown first under a grant, where it was: that is what is pinned. */
  readonly first?: (grant: string) => { readonly hash: string; readonly says?: string } | undefined
}

/** Resolves once what the tool is stands with the grant, by which it is decided then; `undefined` where it does already, and for every other action. */
export function pinFirst(gate: Pick<Gate, 'home' | 'facts'>, call: Call, grant: Grant): Promise<Result<undefined>> | undefined {
  const { action } = call
  return action.definition === undefined || pinOf(grant, action) !== undefined ? undefined : pin(gate, call, grant)
}

/** The definition of the tool, for whoever is asked about it; nothing where it is too long to be shown. */
export function saidOf({ heard }: Call): { readonly says?: string } {
  return heard?.ok === true && heard.value.says !== undefined ? { says: heard.value.says } : {}
}

async function pin({ home, facts }: Pick<Gate, 'home' | 'facts'>, call: Call, { id }: Grant): Promise<Result<undefined>> {
  const { bearer, action, heard } = call
  const first = heard?.ok === true ? heard.value.first?.(id) : undefined
  const pinned =
    first === undefined
      ? await home.pin({ bearer, action, grant: id, ...saidOf(call) })
      : await home.pin({
          bearer,
          action: { ...action, definition: { hash: first.hash } },
          grant: id,
          ...(first.says === undefined ? {} : { says: first.says }),
        })
  if (!pinned.ok) return pinned
  const now = facts.grant(id)
  // A home that says yes and keeps nothing would be asked for ever.
  return now !== undefined && pinOf(now, action) !== undefined
    ? done(undefined)
    : refuse('action.changed', { detail: 'its definition was not kept' })
}
