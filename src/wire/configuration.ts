/** Configuration as it crosses the wire: the document that is wanted, what it would change in words, and the change-set that it becomes. */
import type { ApprovalView } from './grants.ts'
import type { WireObject } from './values.ts'

/** remit.yaml as a document, references and OpenAPI documents resolved, with the policy files it names. */
export interface ConfigurationBody {
  readonly document: WireObject
  /** What goes when the document does not name it: `nothing` unless it is said, `policies` (files), or `everything`. */
  readonly prune?: 'nothing' | 'policies' | 'everything'
}

export interface ProposalBody extends ConfigurationBody {
  readonly reason?: string
  /** How long it waits for its answer, such as `8h`; at most a day. */
  readonly wait?: string
  /** `base` of the plan that was shown: something else in force by now is refused. */
  readonly base?: string
}

export type ChangeClassView = 'neutral' | 'narrows' | 'widens' | 'moves-secret' | 'unclassified'

/** One effect, in words: who gains and who loses what. */
export interface ChangeLineView {
  readonly kind: string
  readonly name: string
  readonly what: 'add' | 'change' | 'remove'
  readonly class: ChangeClassView
  readonly says: string
}

/** A fault of a document; a refusal has all of them in `problems`. */
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
  /** SHA-256, hex, of what is in force now. */
  readonly base: string
  /** As strong as the strongest line. */
  readonly class: ChangeClassView
  readonly changes: readonly ChangeLineView[]
  /** Things that the document names and that stay as they are. */
  readonly unchanged: number
  /** Who must sign before it applies; absent where the right to administer is enough. */
  readonly needs?: string
  /** Why it applies although nobody else was asked. */
  readonly alone?: string
  /** Exceptions that would be proposed beside it; people approve each on its page. */
  readonly exceptions?: readonly ProposedExceptionView[]
}

export interface ProposedExceptionView {
  readonly identity: string
  readonly says: string
}

/** What became of one: there as it is, or why it was not proposed. */
export interface ConfiguredOutcomeView {
  readonly identity: string
  readonly id?: string
  readonly state?: string
  readonly page?: string
  readonly refusal?: string
}

export interface ChangeSetView {
  readonly id: string
  readonly state: string
  readonly author: string
  readonly class: ChangeClassView
  readonly changes: readonly ChangeLineView[]
  readonly approval: string
  readonly approvals: readonly ApprovalView[]
  /** True where the people who exist could not satisfy it. */
  readonly locked?: boolean
  readonly reason?: string
  readonly base: string
  /** What people sign. */
  readonly digest: string
  readonly createdAt: string
  readonly expiresAt: string
  readonly endedAt?: string
  /** Why it came to its end. */
  readonly ending?: string
  /** Where it is signed. */
  readonly page: string
}

/** Answer of `POST /v1/change-sets`. */
export interface ProposedView {
  readonly plan: PlanView
  /** Absent where there was nothing to do. */
  readonly changeSet?: ChangeSetView
  /** The exceptions of the document, once the rest of it is in force. */
  readonly exceptions?: readonly ConfiguredOutcomeView[]
}

export interface ChangeSetList {
  readonly changeSets: readonly ChangeSetView[]
  readonly next?: string
}

export interface ChangeSetQuery {
  /** One or several, with commas. */
  readonly state?: string
  readonly after?: string
  readonly max?: number
}

/** What is there, as a document that says it, its policies as files; secrets are left out, references are not. */
export interface ExportView {
  readonly document: WireObject
  readonly policyFiles: readonly { readonly name: string; readonly text: string }[]
  /** Services whose secret is not in the document. */
  readonly secrets: readonly string[]
  readonly base: string
}
