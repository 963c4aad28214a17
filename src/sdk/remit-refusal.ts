/** What a client hears when the answer is no, and when there is no answer. */
import type { ProblemView } from '../wire/problems.ts'
import { refusalPrefix } from '../wire/problems.ts'

/** Remit said no. `problem` holds why, what to do next and, where known, what could be asked for instead. */
export class RemitRefusal extends Error {
  readonly problem: ProblemView

  constructor(problem: ProblemView) {
    super(problem.detail)
    this.name = 'RemitRefusal'
    this.problem = problem
  }

  /** Such as `grant.missing`; the whole type where it is not one of Remit's. */
  get code(): string {
    const { type } = this.problem
    return type.startsWith(refusalPrefix) ? type.slice(refusalPrefix.length) : type
  }
}

/** Nobody answered, or something that is not Remit did. Whether a change was made is not known unless `unsent`. */
export class RemitUnreachable extends Error {
  readonly url: string
  /** The request never left, so nothing can have happened. */
  readonly unsent: boolean

  constructor(url: string, why: string, more: { readonly unsent?: boolean; readonly cause?: unknown } = {}) {
    super(`${url}: ${why}`, { cause: more.cause })
    this.name = 'RemitUnreachable'
    this.url = url
    this.unsent = more.unsent ?? false
  }
}
