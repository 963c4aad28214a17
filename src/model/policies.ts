/** A published policy set: its texts, its version, and what the validator made of them. */
import type { JsonObject } from '../kernel/json.ts'
import type { Instant } from '../kernel/instants.ts'

export interface PolicyFile {
  readonly name: string
  readonly text: string
}

/** One policy as Cedar's own parser reads it, with the place it stands in. */
export interface ParsedPolicy {
  readonly file: string
  readonly line: number
  /** The policy's own source text. */
  readonly text: string
  /** Cedar's JSON form (the EST), integers read without loss. */
  readonly json: JsonObject
}

export interface PolicySet {
  /** `current`: there is one in force per space. */
  readonly id: string
  readonly space: string
  /** SHA-256 over files and schema. */
  readonly version: string
  readonly files: readonly PolicyFile[]
  readonly parsed: readonly ParsedPolicy[]
  readonly publishedAt: Instant
  readonly publishedBy: string
}
