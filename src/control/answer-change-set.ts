/** A yes or no to a change-set: the yes that was still missing applies it, unless something else came into force. */
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { chainStands } from '../decision/facts.ts'
import type { ChangeSet } from '../model/change-sets.ts'
import { isSatisfied } from '../model/requirements.ts'
import { type Became, type Settling, type SubjectKind, takesNothingAway, yesSayers } from './answer-subjects.ts'
import { answerableChangeSet, isUnderpriced, passkeyHolders } from './change-set-price.ts'
import { putRecords } from './change-set-records.ts'
import { close, closed, isCurrent, settled, sweepChangeSets } from './change-sets.ts'
import { invalid } from './configuration.ts'
import { proposeConfigured } from './configured-exceptions.ts'
import { compare, type Compared } from './configuration-records.ts'

export const changeSetSubject: SubjectKind = {
  async find(desk, id) {
    const set = await desk.store.read((tx) => tx.get('changeSet', id))
    return set === undefined ? undefined : { digest: set.digest, answerable: answerableChangeSet(set) }
  },
  async ask(desk, { subject, decision }) {
    const asked = await desk.store.read((tx) => tx.get('changeSet', subject))
    if (asked?.state === 'proposed' && (isUnderpriced(desk, asked) || !isCurrent(desk, asked.base))) await sweepChangeSets(desk)
    const wanted = asked?.state === 'proposed' && decision === 'approve' ? asked.wanted : undefined
    const compared = wanted === undefined ? undefined : await compare(desk, wanted, asked?.author.name ?? '')
    if (compared !== undefined && 'problems' in compared) return invalid(compared.problems)
    return done({
      async open(tx) {
        const set = await tx.get('changeSet', subject)
        if (set === undefined) return done(undefined)
        return done({
          answerable: answerableChangeSet(set),
          digest: set.digest,
          state: set.state,
          isOpen: set.state === 'proposed' && tx.now < set.expiresAt,
          fits: takesNothingAway,
          settle: (settling) => settle(settling, set, compared),
        })
      },
      after: async () => {
        await settled(desk)
        if (asked === undefined || wanted?.exceptions === undefined) return
        const set = await desk.store.read((tx) => tx.get('changeSet', subject))
        const [id] = asked.author.chain
        if (set?.state === 'applied')
          await proposeConfigured(desk, { machine: asked.author.name, ...(id === undefined ? {} : { id }) }, wanted.exceptions)
      },
    })
  },
}

async function settle(settling: Settling, set: ChangeSet, compared: Compared | undefined): Promise<Result<Became>> {
  const { desk, tx, person, approval } = settling
  if (approval.decision === 'deny') {
    const denied = (await close(tx, set, { event: 'deny', by: person.name, ending: `denied by ${person.name}` })) ?? set
    return done({ state: denied.state, changeSet: denied })
  }
  const yes = await yesSayers(desk, tx, set.id, answerableChangeSet(set))
  if (!isSatisfied(set.requirement, yes)) return done({ state: set.state, changeSet: set })
  if (compared === undefined || isUnderpriced(desk, set) || !isCurrent(desk, set.base, compared.version)) return refuse('change-set.stale')
  // Nobody's proposal comes into force once they left or are contained.
  const stands = set.author.chain.length === 0 ? done([]) : chainStands(desk.facts, set.author.chain)
  if (!stands.ok) return stands
  const alone = passkeyHolders(desk).size < 2 ? { alone: 'approved by one person: nobody else could be asked' } : {}
  await putRecords({ desk, tx, compared, set, by: person.name, ...alone })
  const names = yes.map(({ name }) => name).toSorted()
  const applied = closed(set, 'apply', { at: tx.now, ending: alone.alone ?? `approved by ${names.join(' and ')}` })
  await tx.put('changeSet', applied)
  return done({ state: applied.state, changeSet: applied })
}
