/** The end of an exception's record, inside the transaction of whatever ended it. */
import type { Ending, Grant } from '../model/grants.ts'
import type { ExceptionEnding, StandingException } from '../model/identities.ts'
import { exceptionLife, step } from '../model/lives.ts'
import { note } from './desk.ts'
import type { Change } from './ports.ts'

/** Closes it in whatever open state it is; a closed one stays as it is. Its grant is ended by whoever calls, or has ended already. */
export async function closeException(tx: Change, exception: StandingException, ending: ExceptionEnding): Promise<StandingException> {
  const event = exception.state === 'active' ? 'end' : ending.how === 'denied' ? 'deny' : 'withdraw'
  const state = step(exceptionLife, exception.state, event)
  if (state === undefined) return exception
  const closed: StandingException = { ...exception, state, endedAt: tx.now, ending }
  await tx.put('exception', closed)
  const { how, by, reason } = ending
  await note(tx, { kind: `exception.${state}`, actor: by, subject: exception.id, facts: { how, reason } })
  return closed
}

/** A grant that was the permit of an exception has ended: nothing is left of the exception either. */
export async function closeExceptionOf(tx: Change, grant: Grant, { how, by, reason }: Ending): Promise<void> {
  if (grant.exception === undefined) return
  const exception = await tx.get('exception', grant.exception)
  if (exception?.state === 'active') await closeException(tx, exception, { how: wayOf(how), by, reason })
}

function wayOf(how: Ending['how']): ExceptionEnding['how'] {
  switch (how) {
    case 'expired':
      return 'expired'
    case 'contained':
      return 'fallen'
    default:
      return 'closed'
  }
}
