/** POST /pages/answers/begin: the question a person is about to sign. */
import { z } from 'zod'
import { refuse } from '../../kernel/refusals.ts'
import { done } from '../../kernel/result.ts'
import { findSubject, prepareAnswer } from '../../control/answer.ts'
import { sumMax, usesMax } from '../../model/scope.ts'
import type { SignatureQuestion } from '../../wire/pages.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { duration, subjectId } from '../fields.ts'
import { requestOptions } from '../pages/passkey-options.ts'
import { personMaySee } from '../pages/sight.ts'

const lineNumber = z.string().regex(/^\d{1,2}$/)

/** A number for each line of the scope, by its number. */
function byLine(max: number) {
  return z.record(lineNumber, z.int().min(1).max(max))
}

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
    subject: subjectId,
    digest: z.string().max(100),
    decision: z.enum(['approve', 'deny']),
    narrowing: z.strictObject({
      duration: duration.optional(),
      lines: z.array(z.int().min(0).max(31)).max(32).optional(),
      uses: byLine(usesMax).optional(),
      sums: byLine(sumMax).optional(),
      rates: byLine(usesMax).optional(),
      where: z.record(lineNumber, z.string().min(1).max(1_000)).optional(),
    }),
  }),
  run: async ({ desk }, { subject, digest, decision, narrowing }, { person, at: now }) => {
    const shown = await findSubject(desk, subject)
    if (shown === undefined || !personMaySee(desk, person, shown.answerable, now)) return refuse('not-found')
    const { duration, lines, uses, sums, rates, where } = narrowing
    const taken = {
      ...(duration === undefined ? {} : { duration }),
      ...(lines === undefined ? {} : { lines }),
      ...(uses === undefined ? {} : { uses }),
      ...(sums === undefined ? {} : { sums }),
      ...(rates === undefined ? {} : { rates }),
      ...(where === undefined ? {} : { where }),
    }
    const prepared = await prepareAnswer(desk, person, { subject, decision, narrowing: taken })
    if (!prepared.ok) return prepared
    // Read after the question was made: what the person saw is what the question is about, or it is refused here or at its answer.
    const current = await findSubject(desk, subject)
    if (current?.digest !== digest) return refuse('approval.signature', { detail: 'it changed since you opened the page' })
    const { challenge, credentialIds } = prepared.value
    return done(
      json({ challenge, publicKey: requestOptions({ challenge, rpId: desk.pages().rpId, credentialIds }) } satisfies SignatureQuestion),
    )
  },
})
