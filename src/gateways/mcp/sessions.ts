/** `Mcp-Session-Id` of the revisions before 2026-07-28: whose it is. The server made it; whoever else shows it is told that it is not there. */
import type { Bearer } from '../../control/ports.ts'

/** Sessions that one owner has on one port; the one that was used longest ago makes room. */
const ofOneMax = 100
const ownersMax = 10_000

/** Whose a session is: a chain, and the grant where its token names one. What one task may do never helps another of the same identity. */
export function ownerOf({ claims }: Pick<Bearer, 'claims'>): string {
  return `${claims.chain.join(' ')} ${claims.grant ?? ''}`
}

/** What is kept with each session: `T` is for whoever joins servers. */
export class McpSessions<T> {
  /** The owner that was heard longest ago comes first, and so does its session. */
  readonly #owners = new Map<string, Map<string, T>>()

  add(bearer: Pick<Bearer, 'claims'>, id: string, kept: T): void {
    const owner = ownerOf(bearer)
    const sessions = this.#owners.get(owner) ?? new Map<string, T>()
    sessions.set(id, kept)
    trim(sessions, ofOneMax)
    this.#renew(owner, sessions)
  }

  /** `undefined` where it is nobody's, and where it is somebody else's. */
  find(bearer: Pick<Bearer, 'claims'>, id: string): { readonly kept: T } | undefined {
    const owner = ownerOf(bearer)
    const sessions = this.#owners.get(owner)
    const kept = sessions?.get(id)
    if (sessions === undefined || kept === undefined) return undefined
    sessions.delete(id)
    sessions.set(id, kept)
    this.#renew(owner, sessions)
    return { kept }
  }

  remove(bearer: Pick<Bearer, 'claims'>, id: string): void {
    const owner = ownerOf(bearer)
    const sessions = this.#owners.get(owner)
    sessions?.delete(id)
    if (sessions?.size === 0) this.#owners.delete(owner)
  }

  #renew(owner: string, sessions: Map<string, T>): void {
    this.#owners.delete(owner)
    this.#owners.set(owner, sessions)
    trim(this.#owners, ownersMax)
  }
}

function trim(map: Map<string, unknown>, max: number): void {
  const [oldest] = map.keys()
  if (map.size > max && oldest !== undefined) map.delete(oldest)
}

/** Visible ASCII, as the protocol wants it, and no longer than a header should be. */
export function isSessionId(text: string): boolean {
  return /^[\x21-\x7e]{1,256}$/.test(text)
}
