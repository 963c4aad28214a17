/** GET /oauth/authorize: where a client sends its person, and the person sees what it asks for (RFC 6749 § 4.1.1). */
import { done } from '../../kernel/result.ts'
import { agentsOf } from '../../control/authorization-code.ts'
import { page } from '../answers.ts'
import { askedAuthorization, backTo, readAsked } from '../authorizations.ts'
import { endpoint } from '../endpoint.ts'
import { authorizePage } from '../pages/authorize-page.ts'

export const authorize = endpoint({
  says: 'where an OAuth client sends its person: who asks, for which endpoint, and as which agent it would act',
  method: 'GET',
  path: '/oauth/authorize',
  caller: 'person',
  perMinuteMax: 60,
  records: { nothing: 'looking gives nobody anything; a yes is recorded' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'page',
  input: askedAuthorization,
  run: async (api, asked, { person }) => {
    const asking = await readAsked(api, asked)
    if (!asking.ok) return asking
    const { client, read } = asking.value
    if (read.kind === 'unfit')
      return done({ kind: 'leave', to: backTo(api, read.back, { error: read.error, error_description: read.says }) })
    return done(page(authorizePage({ person, client, ...read, agents: agentsOf(api.desk, person), asked: known(asked) })))
  },
})

/** The request again, without what nobody knows here. */
function known(asked: Readonly<Record<string, unknown>>): string {
  const query = new URLSearchParams()
  for (const name of Object.keys(askedAuthorization.shape)) {
    const value = asked[name]
    if (typeof value === 'string') query.set(name, value)
  }
  return query.toString()
}
