/** GET /.well-known/authzen-configuration: where the decision point's endpoints are (AuthZEN 1.0, section 9). */
import { z } from 'zod'
import { accessRequestPath } from '../../control/authzen-requests.ts'
import { obligationTypes } from '../../control/authzen-obligations.ts'
import { done } from '../../kernel/result.ts'
import type { AuthZenMetadata } from '../../wire/authzen.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { name } from '../fields.ts'

const about = {
  method: 'GET',
  caller: 'nobody',
  perMinuteMax: 120,
  records: { nothing: 'addresses of endpoints are for everybody' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  speaks: 'authzen',
} as const

export const showAccessMetadata = endpoint({
  ...about,
  says: 'where AuthZEN asks about what Remit guards, and what is answered besides',
  path: '/.well-known/authzen-configuration',
  input: z.strictObject({}),
  run: (api) => {
    const { origin } = api.desk.pages()
    const more = {
      access_request_endpoint: `${origin}${accessRequestPath}`,
      capabilities: ['urn:openid:authzen:capability:access-request'],
    }
    return done(json({ ...metadata(origin, ['custom']), ...more } satisfies AuthZenMetadata))
  },
})

/** The same for every name, so that it says of none whether there is such an application. */
export const showApplicationAccessMetadata = endpoint({
  ...about,
  says: 'where AuthZEN asks by the policies of an application of this name, whether or not there is one',
  path: '/.well-known/authzen-configuration/applications/:name',
  input: z.strictObject({ name }),
  run: (api, { name }) => done(json(metadata(`${api.desk.pages().origin}/applications/${name}`, obligationTypes))),
})

function metadata(base: string, obligations: readonly string[]): AuthZenMetadata {
  return {
    policy_decision_point: base,
    access_evaluation_endpoint: `${base}/access/v1/evaluation`,
    access_evaluations_endpoint: `${base}/access/v1/evaluations`,
    search_subject_endpoint: `${base}/access/v1/search/subject`,
    search_resource_endpoint: `${base}/access/v1/search/resource`,
    search_action_endpoint: `${base}/access/v1/search/action`,
    obligations_supported: obligations,
  }
}
