/** Who calls in a random life, and who is not let in. */
import type { Caller } from '../../src/control/desk.ts'
import type { Life } from './life.ts'

/** A caller for a chain that stands; for one that does not, that nobody is let in. */
export async function callerFor(life: Life, chain: readonly string[]): Promise<Caller | undefined> {
  const [first = '', second] = chain
  if (life.model.stands(chain)) return second === undefined ? life.world.caller(first) : life.world.caller(second, first)
  const refused = await life.world.exchange(second ?? first, second === undefined ? {} : { actor: first })
  life.expect(refused, false, `${chain.join(' for ')} gets a token`)
  return undefined
}
