/** Applications that bring their own policies, as they cross the wire. */

export interface ApplicationView {
  readonly name: string
  /** SHA-256, hex, over everything it brings. */
  readonly version: string
  /** Static policies and linked templates: what decides. */
  readonly policies: number
  readonly templates: number
  readonly entities: number
  /** Who may ask it, as in remit.yaml. */
  readonly callers: string
  /** Remit answers for it, and whoever asks enforces. */
  readonly enforced: false
  readonly publishedAt: string
  readonly publishedBy: string
}

export interface ApplicationList {
  readonly applications: readonly ApplicationView[]
}
