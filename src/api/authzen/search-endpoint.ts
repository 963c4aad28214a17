/** The three searches of AuthZEN 1.0: one engine, three answers. */
import { z } from 'zod'
import { searchAccess } from '../../control/authzen.ts'
import { nextToken, readPage } from '../../control/authzen-pages.ts'
import type { JsonObject } from '../../kernel/json.ts'
import { done } from '../../kernel/result.ts'
import type { AccessFound, AccessSearch } from '../../model/access.ts'
import type { AuthZenAction, AuthZenFound, AuthZenSubject } from '../../wire/authzen.ts'
import { json } from '../answers.ts'
import type { Endpoint } from '../endpoint.ts'
import { accessEndpoints } from './access-endpoint.ts'
import { readSearch } from './parse-access.ts'

const object = z.object()
const page = z.object().optional()
const members = {
  subject: z.object({ subject: object, action: object, resource: object, context: object.optional(), page }),
  resource: z.object({ subject: object, action: object, resource: object, context: object.optional(), page }),
  action: z.object({ subject: object, resource: object, context: object.optional(), page }),
}

export function searchEndpoints(looksFor: AccessSearch['looksFor']): readonly [own: Endpoint, application: Endpoint] {
  return accessEndpoints({
    says: `AuthZEN 1.0: every ${looksFor} that would get a yes, in order, page by page`,
    path: `/access/v1/search/${looksFor}`,
    perMinuteMax: 300,
    bodyBytesMax: 65_536,
    input: members[looksFor],
    read: (body: JsonObject) => readSearch(looksFor, body),
    answer: async (api, { about, point }, { question, page }) => {
      const searched = { looksFor, question }
      const at = readPage(page, about, searched)
      if (!at.ok) return at
      const { limit, after } = at.value
      const found = await searchAccess(point, { ...searched, limit, after }, api.desk.clock)
      const results = resultsOf(looksFor, question, found)
      const next_token = nextToken(found, limit, about, searched)
      return done(json({ page: { next_token, count: results.length }, results } satisfies AuthZenFound<AuthZenSubject | AuthZenAction>))
    },
  })
}

function resultsOf(looksFor: AccessSearch['looksFor'], question: AccessSearch['question'], { found }: AccessFound) {
  if (looksFor === 'action') return found.map(({ id, ...more }) => ({ name: id, ...more }))
  const { type } = question[looksFor]
  return found.map(({ id, ...more }) => ({ type, id, ...more }))
}
