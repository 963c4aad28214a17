/**
 * An error in the evaluation of one policy: thrown by the closures, caught once for each policy, and counted as Cedar counts it. No `Error`:
 * a stack would cost more than all else that a policy does, and say nothing of the policy.
 */
export class Fault {
  readonly message: string

  constructor(message: string) {
    this.message = message
  }
}
