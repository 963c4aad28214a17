/** Configuration as it crosses the wire: the document that is proposed and the plan of what it would change. */
import type { WireObject } from './values.ts'

/** remit.yaml as a document, references and OpenAPI documents resolved, with the policy files it names. */
export interface ConfigurationBody {
  readonly document: WireObject
}

export interface PlannedChange {
  readonly kind: string
  readonly name: string
  readonly what: 'add' | 'change' | 'same'
  readonly says: string
}

export interface PlanProblem {
  /** Where it is in the document, as a JSON Pointer (RFC 6901): whoever read the file knows the line. */
  readonly pointer?: string
  readonly file: string
  readonly line: number
  readonly column: number
  readonly message: string
  readonly remedy: string
}

export interface PlanView {
  readonly changes: readonly PlannedChange[]
  readonly problems?: readonly PlanProblem[]
}

/** Answer of `POST /v1/configuration/apply`. */
export interface AppliedView {
  readonly plan: PlanView
  /** Version of the facts after it. */
  readonly version: number
}
