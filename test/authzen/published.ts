/** Publishes an application into a running house, checked as every application is. */
import { createHash } from 'node:crypto'
import { note } from '../../src/control/desk.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../src/kernel/json.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { parseCallers } from '../../src/model/applications.ts'
import type { ApiHouse } from '../api/api-house.ts'
import type { ApplicationDocument } from './applications.ts'

export async function publish({ house: { desk } }: Pick<ApiHouse, 'house'>, document: ApplicationDocument): Promise<void> {
  const { name, schema, policyFiles, callers } = document
  const checked = await new PolicyChecker().checkApplication({ schema, files: policyFiles, links: [], linksName: 'links.json' })
  if ('problems' in checked) throw new Error(JSON.stringify(checked.problems))
  const entities = document.entities.map(asEntity)
  const version = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  mustBe(
    await desk.store.change(async (tx) => {
      await tx.put('application', {
        id: name,
        space: desk.space,
        version,
        schema: { ...schema, json: checked.schema },
        files: policyFiles,
        parsed: checked.policies,
        links: [],
        entities,
        callers: mustBe(parseCallers(callers)),
        publishedAt: tx.now,
        publishedBy: 'test',
      })
      await note(tx, { kind: 'application.published', actor: 'test', subject: name })
      return done(undefined)
    }),
  )
}

function asEntity(entity: object): JsonObject {
  const read = mustBe(parseJson(JSON.stringify(entity)))
  if (!isJsonObject(read)) throw new Error('an entity is an object')
  return read
}
