/** POST /pages/answers/begin: the question a person is about to sign. */
import { z } from 'zod'
import { isId } from '../../kernel/ids.ts'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { prepareAnswer } from '../../control/answer.ts'
import { answerableGrant, answerableHold } from '../../control/rights.ts'
import type { SignatureQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { duration, id } from '../fields.ts'
import { findGrant } from '../grants.ts'
import { findHold } from '../holds.ts'
import { requestOptions } from '../pages/passkey-options.ts'
import { personMaySee } from '../pages/sight.ts'
import type { ApiParts } from '../parts.ts'

export const beginAnswer = endpoint({
  says: 'the question that a person signs: this digest, their decision, what they take away',
  method: 'POST',
  path: '/pages/answers/begin',
  caller: 'person',
  perMinuteMax: 60,
  records: { nothing: 'a question is forgotten after five minutes; the answer is recorded' },
  takes: 'json',
  bodyBytesMax: 16_384,
  refuses: 'problem',
  input: z.strictObject({
    subject: z.union([id('grn'), id('hld')]),
    digest: z.string().max(100),
    decision: z.enum(['approve', 'deny']),
    narrowing: z.strictObject({
      duration: duration.optional(),
      lines: z.array(z.int().min(0).max(31)).max(32).optional(),
      uses: z.record(z.string().regex(/^\d{1,2}$/), z.int().min(1).max(100_000)).optional(),
    }),
  }),
  run: async (api, { subject, digest, decision, narrowing }, { person, at: now }) => {
    const { desk } = api
    const shown = await findShown(api, subject)
    if (shown === undefined || !personMaySee(desk, person, shown.answerable, now)) return refuse('not-found')
    const { duration, lines, uses } = narrowing
    const taken = {
      ...(duration === undefined ? {} : { duration }),
      ...(lines === undefined ? {} : { lines }),
      ...(uses === undefined ? {} : { uses }),
    }
    const prepared = await prepareAnswer(desk, person, { subject, decision, narrowing: taken })
    if (!prepared.ok) return prepared
    // Read after the question was made: what the person saw is what the question is about, or it is refused here or at its answer.
    const current = await findShown(api, subject)
    if (current?.digest !== digest) return refuse('approval.signature', { detail: 'it changed since you opened the page' })
    const { challenge, credentialIds } = prepared.value
    return done(
      json({ challenge, publicKey: requestOptions({ challenge, rpId: desk.pages().rpId, credentialIds }) } satisfies SignatureQuestion),
    )
  },
})

async function findShown({ desk }: ApiParts, subject: string) {
  if (isId('grn', subject)) {
    const grant = await findGrant(desk, subject)
    return grant === undefined ? undefined : { digest: grant.digest, answerable: answerableGrant(grant) }
  }
  const found = isId('hld', subject) ? await findHold(desk, subject) : undefined
  return found === undefined ? undefined : { digest: found.hold.digest, answerable: answerableHold(desk, found.hold) }
}
