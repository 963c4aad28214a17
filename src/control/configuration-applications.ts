/** Applications as they would be: checked against their own schemas, opened, and made records; those that stay the same are not looked at. */
import { createHash } from 'node:crypto'
import { canonicalJson, isJsonObject, type JsonObject } from '../kernel/json.ts'
import { type Application, applicationLimits, type WantedApplication } from '../model/applications.ts'
import { lastName } from '../model/configured-applications.ts'
import { isReadableObligation, obligationTakes } from './authzen-obligations.ts'
import { checkedApplicationOnce } from './checked-policies.ts'
import { asProblem, type ConfigurationProblem, fault } from './configuration-problems.ts'
import type { Desk } from './desk.ts'
import { prepareApplication } from './known-applications.ts'
import type { Slices } from './slices.ts'

type Problems = { readonly problems: readonly ConfigurationProblem[] }

/** SHA-256 in hex over what it brings. Not over where its files lie: written to another folder it is the same. */
export async function applicationVersion(wanted: Omit<WantedApplication, 'name'>, slices: Slices): Promise<string> {
  const { schema, policyFiles, entities, links, callers } = wanted
  const files = policyFiles.map(({ name, text }) => [lastName(name), text] as const).toSorted(([left], [right]) => (left < right ? -1 : 1))
  const hash = createHash('sha256')
  const few = [{ v: 1, schema: schema.text, callers, files: files.length, links: links.length, entities: entities.length }]
  // Each measured by its line: no text can slide from one into the next.
  for (const each of [...few, ...files, ...links, ...entities]) {
    await slices.pause()
    hash.update(`${canonicalJson(each)}\n`)
  }
  return hash.digest('hex')
}

/** As canonical JSON, in UTF-8, within a few bytes. */
async function bytesOf(application: Application, slices: Slices): Promise<number> {
  const { parsed, entities, links, ...rest } = application
  let bytes = 0
  for (const each of [rest, ...parsed, ...entities, ...links]) {
    await slices.pause()
    bytes += Buffer.byteLength(canonicalJson(each)) + 1
  }
  return bytes
}

/** Every wanted application as a record, the present one where nothing in it changed; or all that is wrong with the first that has a fault. */
export async function wantedApplications(
  desk: Desk,
  wanted: readonly WantedApplication[],
  { before, author, slices }: { readonly before: ReadonlyMap<string, Application>; readonly author: string; readonly slices: Slices },
): Promise<readonly Application[] | Problems> {
  const applications: Application[] = []
  for (const [place, each] of wanted.entries()) {
    const version = await applicationVersion(each, slices)
    const known = before.get(each.name)
    if (known?.version === version) {
      applications.push(known)
      continue
    }
    const { checker, space } = desk
    const made = await makeApplication(each, version, { checker, space, author, slices, pointer: `/applications/${place}` })
    if ('problems' in made) return made
    applications.push(made)
  }
  return applications
}

export interface Making extends Pick<Desk, 'checker' | 'space'> {
  readonly author: string
  readonly slices: Slices
  /** Its place in the document. */
  readonly pointer: string
}

/** The record of one, checked and opened, or what is wrong with it. */
export async function makeApplication(
  wanted: WantedApplication,
  version: string,
  { checker, space, author, slices, pointer }: Making,
): Promise<Application | Problems> {
  const { name, schema, policyFiles, links, entities, callers } = wanted
  const checked = await checkedApplicationOnce(checker, { schema, files: policyFiles, links, linksName: `${pointer}/links` }, version)
  if ('problems' in checked) return { problems: checked.problems.map((problem) => withPointer(problem, `${pointer}/links`)) }
  const unread = checked.policies.filter(({ json }) => !obliges(json))
  if (unread.length > 0) return { problems: unread.slice(0, problemsMax).map(unreadObligation) }
  const { length } = checked.policies
  if (length + links.length > applicationLimits.policiesMax)
    return fault(
      pointer,
      `it has ${length} policies and ${links.length} links`,
      `at most ${applicationLimits.policiesMax} together are taken`,
    )
  const application: Application = {
    id: name,
    space,
    version,
    schema: { ...schema, json: checked.schema },
    files: policyFiles,
    parsed: checked.policies,
    links,
    entities,
    callers,
    publishedAt: 0,
    publishedBy: author,
  }
  const bytes = await bytesOf(application, slices)
  if (bytes > applicationLimits.recordBytesMax)
    return fault(
      pointer,
      `with all it brings it takes ${bytes} bytes, and at most ${applicationLimits.recordBytesMax} are kept`,
      'leave out what no policy looks at, or make two applications of it',
    )
  const opened = await prepareApplication(application, slices)
  if (!opened.ok) return { problems: problemsOf(opened.refusal, pointer) }
  return application
}

const problemsMax = 100

function obliges({ annotations }: JsonObject): boolean {
  const text = isJsonObject(annotations) ? annotations['obligation'] : undefined
  return text === undefined || (typeof text === 'string' && isReadableObligation(text))
}

function unreadObligation({ id, file, line }: { readonly id: string; readonly file: string; readonly line: number }): ConfigurationProblem {
  return { file, line, column: 1, message: `the @obligation of "${id}" cannot be read`, remedy: obligationTakes }
}

/** A problem in a link has no file of its own here. */
function withPointer(problem: ConfigurationProblem, links: string): ConfigurationProblem {
  if (problem.file !== links) return problem
  const [, place = '', message = problem.message] = /^(\/\d+) (.*)$/s.exec(problem.message) ?? []
  return asProblem({ pointer: `${links}${place}`, message, remedy: problem.remedy })
}

function problemsOf(
  { detail, problems }: { readonly detail?: string; readonly problems?: readonly ConfigurationProblem[] },
  pointer: string,
): readonly ConfigurationProblem[] {
  if (problems === undefined)
    return [asProblem({ pointer, message: detail ?? 'it cannot be opened', remedy: 'mend the place that is named' })]
  return problems.map(({ message, remedy, pointer: inside = '' }) =>
    asProblem({ pointer: `${pointer}/entities${inside}`, message, remedy }),
  )
}
