/** Waiting for a person: hours if need be, over a connection that may fail for a while. */
import type { ChangeSetView } from '../wire/configuration.ts'
import type { GrantStateName, GrantView, GrantWait } from '../wire/grants.ts'

import type { HoldView } from '../wire/holds.ts'
import { pause } from './pause.ts'
import { RemitUnreachable } from './remit-refusal.ts'

export interface Waiting<View> {
  readonly signal?: AbortSignal
  /** Called with the first view, and with each whose state is another than before. */
  readonly onState?: (view: View) => void
}

/** What of the client this needs. */
export interface GrantReader {
  grant(id: string, wait?: GrantWait, options?: { readonly signal?: AbortSignal }): Promise<GrantView>
}

export interface HoldReader {
  hold(id: string, options?: { readonly signal?: AbortSignal }): Promise<HoldView>
}

export interface ChangeSetReader {
  changeSet(id: string, wait?: { readonly wait?: number }, options?: { readonly signal?: AbortSignal }): Promise<ChangeSetView>
}

const waitSeconds = 30
const againMs = 1_000
const holdEveryMs = 1_000
const failuresMax = 30
const failurePauseMs = 2_000
const unanswered: readonly GrantStateName[] = ['requested', 'pending']

/** The grant as soon as it is neither requested nor pending: approved, denied, withdrawn, … */
export async function waitForGrant(client: GrantReader, id: string, waiting: Waiting<GrantView>): Promise<GrantView> {
  const { signal, onState } = waiting
  const options = signal === undefined ? {} : { signal }
  let seen: GrantStateName | undefined
  for (;;) {
    const wait = seen === undefined ? {} : { wait: waitSeconds, state: seen }
    const asked = { since: seen }
    const grant = await enduring(() => client.grant(id, wait, options), signal)
    if (grant.state !== seen) onState?.(grant)
    if (!unanswered.includes(grant.state)) return grant
    seen = grant.state
    // Answered without a change: the wait was over, or was cut short. Either way there is no hurry.
    if (asked.since === seen) await pause(againMs, signal)
  }
}

/** The change-set as soon as it is no longer proposed: applied, denied, stale, … */
export async function waitForChangeSet(client: ChangeSetReader, id: string, waiting: Waiting<ChangeSetView>): Promise<ChangeSetView> {
  const { signal, onState } = waiting
  const options = signal === undefined ? {} : { signal }
  let isFirst = true
  for (;;) {
    const set = await enduring(() => client.changeSet(id, isFirst ? {} : { wait: waitSeconds }, options), signal)
    if (isFirst || set.state !== 'proposed') onState?.(set)
    if (set.state !== 'proposed') return set
    if (!isFirst) await pause(againMs, signal)
    isFirst = false
  }
}

/** The hold as soon as it is no longer waiting. */
export async function waitForHold(client: HoldReader, id: string, waiting: Waiting<HoldView>): Promise<HoldView> {
  const { signal, onState } = waiting
  const options = signal === undefined ? {} : { signal }
  let isFirst = true
  for (;;) {
    const hold = await enduring(() => client.hold(id, options), signal)
    if (isFirst || hold.state !== 'waiting') onState?.(hold)
    if (hold.state !== 'waiting') return hold
    isFirst = false
    await pause(holdEveryMs, signal)
  }
}

/** A restart of Remit takes seconds, and whoever waits for a person has those: gives up after a minute of silence. */
async function enduring<T>(read: () => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  for (let failures = 1; ; failures += 1) {
    try {
      return await read()
    } catch (thrown) {
      if (!(thrown instanceof RemitUnreachable) || failures >= failuresMax) throw thrown
      await pause(failurePauseMs, signal)
    }
  }
}
