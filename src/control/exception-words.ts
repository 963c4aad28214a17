/** How far an exception reaches, in words. */
import type { StandingException } from '../model/identities.ts'

/** What a person reads: `3 operations of shop, up to tier 1: execute, read`. */
export function blastInWords({
  blast: { operations, effects, tier },
  deskActions,
}: Pick<StandingException, 'blast' | 'deskActions'>): string {
  if (deskActions.length > 0) {
    const runs = tier === 3 ? ', and through it everything that Remit protects' : ''
    return `Remit's own desk: ${deskActions.join(', ')}${runs}`
  }
  const services = [...new Set(operations.map((operation) => operation.slice(0, operation.indexOf('/'))))]
  const count = operations.length === 1 ? '1 operation' : `${operations.length} operations`
  return `${count} of ${services.join(', ')}, up to tier ${tier}: ${effects.join(', ')}`
}
