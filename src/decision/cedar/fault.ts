/** An error in the evaluation of one policy: thrown by the closures, caught once for each policy, and counted as Cedar counts it. */
export class Fault extends Error {
  override readonly name = 'Fault'
}
