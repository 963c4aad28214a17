/** A configuration on disk that cannot be taken: it stays out, and the ledger says so, once for each text. */
import type { SourceProblem } from '../kernel/source-problems.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Desk, note } from './desk.ts'

const notedMax = 10

/** `digest` is over the texts that were read, none of which is a secret. */
export async function noteRejected(
  desk: Desk,
  { by, digest, problems }: { readonly by: string; readonly digest: string; readonly problems: readonly SourceProblem[] },
): Promise<Result<undefined>> {
  return desk.store.change(async (tx) => {
    const facts = {
      digest,
      problems: problems.slice(0, notedMax).map(({ file, line, column, message }) => `${file}:${line}:${column}: ${message}`),
      count: problems.length,
    }
    await note(tx, { kind: 'configuration.rejected', actor: by, subject: desk.space, facts })
    return done(undefined)
  })
}
