/** Everything that a change-set does, line by line in words, and by digests for the ledger. */
import type { ChangedThing, ChangeLine } from '../model/change-sets.ts'
import { digestOf } from './configuration-picture.ts'
import type { Compared } from './configuration-records.ts'
import { identityLines } from './change-set-people.ts'
import { policyId, policyLines, type RuledPicture } from './change-set-policies.ts'
import { issuerLines, serviceLines } from './change-set-services.ts'

/** What weighs most comes first; within one class in the order of things. */
export function changeLines({ before, after }: Pick<Compared, 'before' | 'after'>): ChangeLine[] {
  return [...identityLines(before, after), ...issuerLines(before, after), ...serviceLines(before, after), ...policyLines(before, after)]
}

/** Each thing that is another one afterwards, or was none, or will be none. */
export function changedThings({ before, after }: Pick<Compared, 'before' | 'after'>): ChangedThing[] {
  const things: ChangedThing[] = []
  const compare = <T>(
    kind: ChangedThing['kind'] | ((thing: T) => ChangedThing['kind']),
    was: ReadonlyMap<string, T>,
    is: ReadonlyMap<string, T>,
  ) => {
    for (const name of new Set([...was.keys(), ...is.keys()])) {
      const [old, now] = [was.get(name), is.get(name)]
      const thing = now ?? old
      if (old === now || thing === undefined) continue
      const digests = { ...(old === undefined ? {} : { before: digestOf(old) }), ...(now === undefined ? {} : { after: digestOf(now) }) }
      if (digests.before !== digests.after) things.push({ kind: typeof kind === 'function' ? kind(thing) : kind, name, ...digests })
    }
  }
  compare((each) => (each.kind === 'human' ? 'person' : 'identity'), before.identities, after.identities)
  compare('issuer', before.issuers, after.issuers)
  compare('service', before.services, after.services)
  if (before.policies !== after.policies) compare('policy', parsedById(before), parsedById(after))
  return things
}

function parsedById({ policies }: RuledPicture): ReadonlyMap<string, unknown> {
  return new Map((policies?.parsed ?? []).map((each) => [policyId(each), each.json]))
}
