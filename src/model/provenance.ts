/** Where the value of an argument came from, as far as a gateway saw: it chooses what is held and what a person is shown, and proves nothing. */

/**
 * `literal`: it stands in the task's statement, or the grant names it. `trusted`, `untrusted`: it was seen in a result of such a tool.
 * `never`: in neither, so that whoever acts made it up, or heard it where Remit does not listen.
 */
export const origins = ['literal', 'trusted', 'untrusted', 'never'] as const
export type OriginKind = (typeof origins)[number]

export interface Origin {
  readonly kind: OriginKind
  /** Of what was seen: in which result of this session, counted from 1; absent where too much was read to say. */
  readonly call?: number
  /** The operation that it came from: `mail/read`. */
  readonly source?: string
}

/** By argument. What is neither a text nor a number has none. */
export type Provenance = Readonly<Record<string, Origin>>

/** `literal`; `untrusted: result 3, mail/read`. */
export function describeOrigin({ kind, call, source }: Origin): string {
  const where = [call === undefined ? undefined : `result ${call}`, source].filter((each) => each !== undefined)
  return where.length === 0 ? kind : `${kind}: ${where.join(', ')}`
}

/** By argument, in words: for journal and ledger. */
export function describeProvenance(provenance: Provenance): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(provenance).map(([name, origin]) => [name, describeOrigin(origin)]))
}

/** The kinds alone, as policies see them. */
export function originKinds(provenance: Provenance): readonly (readonly [name: string, kind: OriginKind])[] {
  return Object.entries(provenance).map(([name, { kind }]) => [name, kind])
}

/** The kind that such words begin with; `undefined` where it is none. */
export function readKind(words: string): OriginKind | undefined {
  const [kind] = words.split(':')
  return origins.find((each) => each === kind)
}
