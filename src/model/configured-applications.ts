/** Applications as remit.yaml declares them, their files read: schema, policies, entities and links, and who may ask. */
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts'
import { applicationLimits, type EntityName, parseCallers, type TemplateLink, type WantedApplication } from './applications.ts'
import { type DocumentProblem, Place } from './parse-document.ts'
import type { PolicyFile } from './policies.ts'

const fileBytesMax = 4_000_000

/** `policyFile` and `name` read what is written as everywhere in the document. */
export interface ApplicationReading {
  readonly policyFile: (place: Place) => PolicyFile
  readonly name: (place: Place) => string
  readonly problems: DocumentProblem[]
}

/** One application. Its entities and links come as the texts of their files, so that no integer in them is rounded on the way. */
export function readApplication(place: Place, { policyFile, name, problems }: ApplicationReading): WantedApplication {
  const at = place.members(['name', 'schema', 'policies', 'policyFiles', 'entities', 'links', 'callers'])
  const policyFiles = at.policyFiles.items().map(policyFile)
  checkNames(at.policyFiles, policyFiles)
  const entities = readList(at.entities, { max: applicationLimits.entitiesMax, what: 'entities' })
  const links = readList(at.links, { max: applicationLimits.policiesMax, what: 'links' })
  return {
    name: name(at.name),
    schema: readFile(at.schema, 'schema', applicationLimits.schemaBytesMax),
    policyFiles,
    entities: entities.flatMap((each, index) => {
      if (isJsonObject(each)) return [each]
      problems.push({
        pointer: `${at.entities.pointer}/${index}`,
        message: 'this is no entity',
        remedy: 'write {"uid": …, "attrs": {…}, "parents": […]}',
      })
      return []
    }),
    links: links.map((each, index) => readLink(new Place(each, `${at.links.pointer}/${index}`, problems))),
    callers: readCallers(at.callers),
  }
}

function checkNames(place: Place, files: readonly PolicyFile[]): void {
  const names = files.map((file) => lastName(file.name).toLowerCase())
  const twice = names.find((name, at) => names.indexOf(name) !== at)
  if (twice !== undefined) place.fault(`two policy files are called "${twice}"`, 'give each a name of its own')
}

/** The last part of a path: the same wherever the file is exported to. */
export function lastName(path: string): string {
  return path.split('/').at(-1) ?? path
}

function readFile(place: Place, what: string, bytesMax: number): PolicyFile {
  const { name, text } = place.members(['name', 'text'])
  const body = typeof text.value === 'string' ? text.value : ''
  if (body.trim() === '' || Buffer.byteLength(body) > bytesMax)
    place.fault(`an application has a ${what}, of at most ${bytesMax} bytes`, `write ${what}: and the name of its file`)
  return { name: place.isThere ? name.text() : '', text: body }
}

/** The list in a JSON file; none where no file is named. */
function readList(place: Place, { max, what }: { readonly max: number; readonly what: string }): readonly JsonValue[] {
  if (!place.isThere) return []
  const file = readFile(place, what, fileBytesMax)
  if (file.text === '') return []
  const read = parseJson(file.text, { bytesMax: fileBytesMax })
  if (!read.ok) {
    place.fault(`${file.name} is not JSON that can be read: ${read.refusal.detail ?? ''}`, 'write one JSON list, without duplicate keys')
    return []
  }
  const list = asList(read.value)
  if (list === undefined) {
    place.fault(`${file.name} holds no list`, `write the ${what} as one JSON list`)
    return []
  }
  if (list.length > max) place.fault(`${file.name} has ${list.length} ${what}, and at most ${max} are taken`, 'split the application')
  return list.slice(0, max)
}

function asList(value: JsonValue): readonly JsonValue[] | undefined {
  return Array.isArray(value) ? value : undefined
}

/** As Cedar's policy sets write it: `{"templateId": …, "newId": …, "values": {"?principal": {"type": …, "id": …}}}`. */
function readLink(place: Place): TemplateLink {
  const at = place.members(['templateId', 'newId', 'values'])
  const values = at.values.members(['?principal', '?resource'])
  const [principal, resource] = [readEntityName(values['?principal']), readEntityName(values['?resource'])]
  const id = at.newId.text()
  if (id === '' || id.length > 200) at.newId.fault('a link has an id of at most 200 characters', 'write newId')
  return {
    id,
    template: at.templateId.text(),
    ...(principal === undefined ? {} : { principal }),
    ...(resource === undefined ? {} : { resource }),
  }
}

function readEntityName(place: Place): EntityName | undefined {
  if (!place.isThere) return undefined
  const wrapped: JsonValue | undefined = isJsonObject(place.value) ? place.value['__entity'] : undefined
  const { type, id } = (wrapped === undefined ? place : place.members(['__entity'])['__entity']).members(['type', 'id'])
  return { type: type.text(), id: id.text() }
}

function readCallers(place: Place): WantedApplication['callers'] {
  const text = place.text('')
  if (text === '') {
    place.fault('nobody may ask this application', 'write callers: role:NAME | identity:NAME')
    return []
  }
  const read = parseCallers(text)
  if (!read.ok) place.fault(read.refusal.detail ?? 'this names nobody', 'write callers: role:NAME | identity:NAME')
  return read.ok ? read.value : []
}

/** The link as `readApplication` reads it. */
export function linkText({ id, template, principal, resource }: TemplateLink): JsonObject {
  const values: JsonObject = {
    ...(principal === undefined ? {} : { '?principal': { ...principal } }),
    ...(resource === undefined ? {} : { '?resource': { ...resource } }),
  }
  return { templateId: template, newId: id, values }
}
