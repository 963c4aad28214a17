/** An error in the evaluation of one policy: thrown by the closures, caught once for each policy, and counted as Cedar counts it. */
export class Fault extends Error {
  override readonly name = 'Fault'

  constructor(message: string) {
    // A stack would cost more than all else that a policy does, and say nothing of the policy.
    const frames = Error.stackTraceLimit
    Error.stackTraceLimit = 0
    super(message)
    Error.stackTraceLimit = frames
  }
}
