/** POST /v1/policies/replay: who would gain and who would lose what under a candidate set of policies. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { replay } from '../../control/replay.ts'
import { endpoint } from '../endpoint.ts'
import { duration, words } from '../fields.ts'
import { replayLines } from '../replay-views.ts'
import { replaySources } from '../replay-sources.ts'

const filesMax = 1_000
const sinceDefault = 7 * 86_400_000

export const replayPolicies = endpoint({
  says: 'who would gain and who would lose what under a candidate set of policies: recorded actions and requests decided again, as lines of progress and a report at the end; for whoever may audit or administer. With a fault in the candidate it is refused, each in `problems`',
  method: 'POST',
  path: '/v1/policies/replay',
  caller: 'identity',
  perMinuteMax: 20,
  records: { nothing: 'it shows what the caller may see, and neither keeps nor publishes the candidate' },
  takes: 'json',
  bodyBytesMax: 4_194_304,
  refuses: 'problem',
  input: z.strictObject({
    policyFiles: z.array(z.strictObject({ name: words(512), text: z.string() })).max(filesMax, `at most ${filesMax} files`),
    since: duration.optional(),
  }),
  run: async (api, { policyFiles, since = sinceDefault }, { caller }) => {
    const from = Math.max(0, api.desk.clock.now() - since)
    const events = await replay(api.desk, caller, { policyFiles, since: from, sources: replaySources(api) })
    return events.ok ? done({ kind: 'lines', type: 'application/x-ndjson', lines: replayLines(events.value) }) : events
  },
})
