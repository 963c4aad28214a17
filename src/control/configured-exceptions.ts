/** The exceptions of a document: proposed once the rest of it is in force, and approved by people alone. */
import type { Refusal } from '../kernel/refusals.ts'
import type { ConfiguredException } from '../model/configured-exceptions.ts'
import type { StandingException } from '../model/identities.ts'
import type { Desk } from './desk.ts'
import { type ExceptionInput, isKnownException, type Proposer, proposeException } from './exceptions.ts'

/** What became of one: the exception as it is, or why it was not proposed. */
export interface ConfiguredOutcome {
  readonly identity: string
  readonly exception?: StandingException
  readonly refusal?: Refusal
}

/** Proposes each that is not there yet. Safe to repeat. */
export async function proposeConfigured(
  desk: Desk,
  author: Proposer,
  configured: readonly ConfiguredException[] = [],
): Promise<readonly ConfiguredOutcome[]> {
  const outcomes: ConfiguredOutcome[] = []
  for (const each of configured) {
    const proposed = await proposeException(desk, author, inputOf(each))
    outcomes.push({ identity: each.identity, ...(proposed.ok ? { exception: proposed.value } : { refusal: proposed.refusal }) })
  }
  return outcomes
}

/** Those that proposing would bring: not there in this form, and not denied in it. */
export async function newConfigured(desk: Desk, configured: readonly ConfiguredException[] = []): Promise<readonly ConfiguredException[]> {
  const fresh: ConfiguredException[] = []
  for (const each of configured) if (!(await isKnownException(desk, inputOf(each)))) fresh.push(each)
  return fresh
}

function inputOf({ scope, deskActions, ...rest }: ConfiguredException): ExceptionInput {
  return { ...rest, ...(scope.length === 0 ? { deskActions } : { scope }) }
}
