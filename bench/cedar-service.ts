/**
 * AuthZEN's evaluation endpoint as one would write it over cedar-wasm: fastify, the policy set parsed once, and of the entities only those
 * that the question needs. It asks nobody for a token and keeps no record. Given the folder of an application; prints its origin.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import Fastify from 'fastify'

interface Evaluation {
  readonly subject: cedar.TypeAndId
  readonly action: { readonly name: string }
  readonly resource: cedar.TypeAndId
  readonly context?: cedar.Context
}

const [folder = ''] = process.argv.slice(2)
const entities = new Map(
  (JSON.parse(readFileSync(join(folder, 'entities.json'), 'utf8')) as cedar.EntityJson[]).map((entity) => [keyOf(entity.uid), entity]),
)
const parsed = cedar.preparsePolicySet('bench', { staticPolicies: readFileSync(join(folder, 'policies', 'docs.cedar'), 'utf8') })
if (parsed.type !== 'success') throw new Error(JSON.stringify(parsed))

function keyOf(uid: cedar.EntityUidJson): string {
  const { type, id } = '__entity' in uid ? uid.__entity : uid
  return `${type}::${id}`
}

/** The entity and all that stand above it. */
function withParents(uid: cedar.EntityUidJson): cedar.EntityJson[] {
  const entity = entities.get(keyOf(uid))
  return entity === undefined ? [] : [entity, ...entity.parents.flatMap(withParents)]
}

const app = Fastify()
app.post<{ Body: Evaluation }>('/access/v1/evaluation', (request) => {
  const { subject, action, resource, context = {} } = request.body
  const answer = cedar.statefulIsAuthorized({
    principal: subject,
    action: { type: 'Action', id: action.name },
    resource,
    context,
    preparsedPolicySetId: 'bench',
    entities: [...withParents(subject), ...withParents(resource)],
  })
  return { decision: answer.type === 'success' && answer.response.decision === 'allow' }
})
const origin = await app.listen({ host: '127.0.0.1', port: 0 })
process.stdout.write(`${JSON.stringify({ origin })}\n`)
process.once('SIGTERM', () => process.exit(0))
