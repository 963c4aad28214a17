/** `remit check`: a configuration and its policies held against everything that applying them would hold them against, with nothing running. */
import { join } from 'node:path'
import { readConfiguration as readFile } from '../cli/configuration-file.ts'
import { placeProblem } from '../cli/place-problem.ts'
import type { CheckReport } from '../cli/house.ts'
import { systemFiles } from '../cli/system-files.ts'
import { applicationVersion, makeApplication } from '../control/configuration-applications.ts'
import { checkPolicies } from '../control/configuration-policies.ts'
import type { ConfigurationProblem } from '../control/configuration-problems.ts'
import { Slices } from '../control/slices.ts'
import { cedarSchema } from '../decision/schema.ts'
import { knownNames, schemaWorld } from '../decision/world.ts'
import { makeClock } from '../host/clock.ts'
import { PolicyChecker } from '../host/policy-checker.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import type { WantedApplication } from '../model/applications.ts'
import { readConfiguration } from '../model/configuration.ts'
import type { PolicyFile } from '../model/policies.ts'
import { deskPolicies } from './assets.ts'

const documentBytesMax = 16 * 1_048_576

/** `folder` are the policies that are checked, whatever the file says; credentials are not looked up. */
export async function check(folder: string, configuration: string): Promise<CheckReport> {
  const file = await readFile({ path: configuration, files: systemFiles, env: process.env, resolve: false })
  if (file.problems.length > 0) return { problems: file.problems, policies: 0, services: 0 }
  const read = readConfiguration(asDocument(file.document))
  if ('problems' in read) {
    const problems = read.problems.map((problem) => placeProblem(file, { file: configuration, line: 1, column: 1, ...problem }))
    return { problems, policies: 0, services: 0 }
  }
  const services = read.configuration.services.map((service) => ({ id: service.name, ...service }))
  const checker = new PolicyChecker()
  try {
    const files = [...(await deskPolicies()), ...(await policiesIn(folder))]
    const schema = cedarSchema(schemaWorld(services, read.configuration.issuers))
    const checked = await checkPolicies(checker, { files, schema, known: knownNames(services, Object.keys(read.configuration.roles)) })
    const applications = await applicationProblems(read.configuration.applications, checker)
    const problems = [...('problems' in checked ? checked.problems : []), ...applications.map((problem) => placeProblem(file, problem))]
    if ('problems' in checked || problems.length > 0) return { problems, policies: 0, services: services.length }
    return { problems, policies: checked.policies.length, services: services.length }
  } finally {
    await checker.close()
  }
}

/** Each against its own schema, as applying it would. */
async function applicationProblems(
  applications: readonly WantedApplication[],
  checker: PolicyChecker,
): Promise<readonly ConfigurationProblem[]> {
  const problems: ConfigurationProblem[] = []
  const slices = new Slices(makeClock({ floor: 0 }))
  for (const [place, each] of applications.entries()) {
    const about = { checker, space: '', author: '', slices, pointer: `/applications/${place}` }
    const made = await makeApplication(each, await applicationVersion(each, slices), about)
    if ('problems' in made) problems.push(...made.problems)
  }
  return problems
}

async function policiesIn(folder: string): Promise<readonly PolicyFile[]> {
  const names = (await systemFiles.names(folder)).filter((name) => name.endsWith('.cedar')).toSorted()
  if (names.length === 0) throw new Error(`there is no file ending in .cedar in ${folder}; name the folder that holds your policies`)
  return Promise.all(names.map(async (name) => ({ name: join(folder, name), text: await systemFiles.text(join(folder, name)) })))
}

/** The document as the API would have received it. */
export function asDocument(document: unknown): JsonObject {
  const read = mustBe(parseJson(JSON.stringify(document), { bytesMax: documentBytesMax }))
  return isJsonObject(read) ? read : {}
}
