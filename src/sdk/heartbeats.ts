/** Signs of life for a grant, for as long as somebody works under it. */
import type { HeartbeatView } from '../wire/grants.ts'
import { pause } from './pause.ts'
import { RemitRefusal, RemitUnreachable } from './remit-refusal.ts'

export interface HeartbeatSender {
  heartbeat(id: string, options?: { readonly signal?: AbortSignal; readonly timeoutMs?: number }): Promise<HeartbeatView>
}

export interface Heartbeats {
  readonly grant: string
  /** Milliseconds between two. */
  readonly everyMs: number
  /** Stops them. */
  readonly signal: AbortSignal
  /** The first time nobody answers, and again after each recovery. */
  readonly onSilence?: (why: Error) => void
}

/**
 * Calls until the grant is no longer active, and says how it was found; or until the signal stops it, and says `undefined`.
 * Silence of Remit ends nothing here: it ends the grant over there.
 */
export async function sendHeartbeats(
  client: HeartbeatSender,
  { grant, everyMs, signal, onSilence }: Heartbeats,
): Promise<string | undefined> {
  let isSilent = false
  while (!signal.aborted) {
    try {
      const { state } = await client.heartbeat(grant, { signal, timeoutMs: everyMs * 2 })
      isSilent = false
      if (state !== 'active') return state
    } catch (thrown) {
      if (signal.aborted) break
      if (thrown instanceof RemitRefusal && !passes(thrown)) return 'ended'
      if (!(thrown instanceof RemitRefusal) && !(thrown instanceof RemitUnreachable)) throw thrown
      if (!isSilent) onSilence?.(thrown)
      isSilent = true
    }
    await pause(everyMs, signal).catch(() => undefined)
  }
  return undefined
}

/** A refusal that says nothing about the grant. */
function passes({ problem }: RemitRefusal): boolean {
  return problem.status >= 500 || problem.status === 429
}
