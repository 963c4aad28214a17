/** GET /v1/applications: applications that bring their own policies. */
import { z } from 'zod'
import { formatInstant } from '../../kernel/instants.ts'
import { done } from '../../kernel/result.ts'
import { visibleApplications } from '../../control/applications.ts'
import { type Application, describeCallers } from '../../model/applications.ts'
import type { ApplicationList, ApplicationView } from '../../wire/applications.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const listApplications = endpoint({
  says: 'applications with policies of their own, which Remit answers for and does not enforce: those that the caller may ask, or all of them for whoever audits',
  method: 'GET',
  path: '/v1/applications',
  caller: 'identity',
  perMinuteMax: 120,
  records: { nothing: 'nothing is decided or changed' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: (api, _input, { caller }) =>
    done(json({ applications: visibleApplications(api.desk, caller).map(applicationView) } satisfies ApplicationList)),
})

function applicationView({ id, version, parsed, links, entities, callers, publishedAt, publishedBy }: Application): ApplicationView {
  const templates = parsed.filter(({ isTemplate }) => isTemplate).length
  return {
    name: id,
    version,
    policies: parsed.length - templates + links.length,
    templates,
    entities: entities.length,
    callers: describeCallers(callers),
    enforced: false,
    publishedAt: formatInstant(publishedAt),
    publishedBy,
  }
}
