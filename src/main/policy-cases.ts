/** `remit policy test`: case files run against remit.yaml and its policies, with nothing running. */
import { dirname, join } from 'node:path'
import { type Configuration as ConfigurationFile, readConfiguration } from '../cli/configuration-file.ts'
import { placeProblem } from '../cli/place-problem.ts'
import { usageFailure } from '../cli/failures.ts'
import type { PolicyCaseResult, PolicyTestOptions, PolicyTestReport } from '../cli/house.ts'
import { systemFiles } from '../cli/system-files.ts'
import { PolicyChecker } from '../host/policy-checker.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts'
import type { SourceProblem } from '../kernel/source-problems.ts'
import type { PolicyFile } from '../model/policies.ts'
import { deskPolicies } from './assets.ts'
import { asDocument } from './check.ts'
import { type CasesFile, readCasesFile } from './policy-cases-file.ts'
import { runCase } from './policy-cases-run.ts'
import { CaseWorlds } from './policy-cases-world.ts'

export { policyCasesSchema } from './policy-cases-shape.ts'

const caseBytesMax = 4 * 1_048_576
const filesMax = 1_000

/** Throws a sentence for a person where a file cannot be reached. */
export async function testPolicies({ files, configuration, folder }: PolicyTestOptions): Promise<PolicyTestReport> {
  const read = await readConfiguration({ path: configuration, files: systemFiles, env: process.env, resolve: false })
  if (read.problems.length > 0) return faulty(read.problems)
  const document = asDocument(read.document)
  const policies = folder === undefined ? policiesOf(document, configuration) : await policiesIn(folder)
  const found = files.length > 0 ? files : await casesIn(folder ?? policiesFolder(document, configuration))
  const cases = await Promise.all(found.map(readCases))
  const problems = cases.flatMap((file) => file.problems)
  if (problems.length > 0) return faulty(problems)
  const checker = new PolicyChecker()
  try {
    const { policyFiles: _, ...rest } = document
    const worlds = new CaseWorlds(checker, rest, [...(await deskPolicies()), ...policies])
    const bare = await worlds.with()
    if ('problems' in bare) return faulty(bare.problems)
    if ('faults' in bare) return faulty(bare.faults.map((each) => placed(read, configuration, each)))
    return await runAll(worlds, cases)
  } finally {
    await checker.close()
  }
}

async function runAll(worlds: CaseWorlds, files: readonly CasesFile[]): Promise<PolicyTestReport> {
  const results: PolicyCaseResult[] = []
  const problems: SourceProblem[] = []
  for (const file of files) {
    for (const index of file.cases?.cases.keys() ?? []) {
      const ran = await runCase(worlds, file, index)
      if ('problems' in ran) problems.push(...ran.problems)
      else results.push(ran)
    }
  }
  return { problems, results }
}

function faulty(problems: readonly SourceProblem[]): PolicyTestReport {
  return { problems, results: [] }
}

function placed(
  read: ConfigurationFile,
  file: string,
  fault: { readonly pointer: string; readonly message: string; readonly remedy: string },
) {
  return placeProblem(read, { file, line: 1, column: 1, ...fault })
}

function isList(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Those that remit.yaml names, under paths that lead there from here. */
function policiesOf({ policyFiles }: JsonObject, configuration: string): readonly PolicyFile[] {
  const files = isList(policyFiles) ? policyFiles.filter((each) => isJsonObject(each)) : []
  if (files.length === 0) throw usageFailure(`${configuration} names no policies`, 'write policies: ./policies there, or give --policies')
  return files.flatMap(({ name, text }) =>
    typeof name === 'string' && typeof text === 'string' ? [{ name: beside(configuration, name), text }] : [],
  )
}

function policiesFolder({ policies }: JsonObject, configuration: string): string {
  return beside(configuration, typeof policies === 'string' ? policies : 'policies')
}

function beside(configuration: string, path: string): string {
  return path.startsWith('/') ? path : join(dirname(configuration), path)
}

async function policiesIn(folder: string): Promise<readonly PolicyFile[]> {
  const paths = await pathsIn(folder, { pattern: /\.cedar$/, ending: '.cedar', holds: 'your policies' })
  return Promise.all(paths.map(async (name) => ({ name, text: await systemFiles.text(name) })))
}

async function casesIn(folder: string): Promise<readonly string[]> {
  return pathsIn(folder, { pattern: /\.cases\.(?:yaml|yml|json)$/, ending: '.cases.yaml', holds: 'your cases' })
}

interface Wanted {
  readonly pattern: RegExp
  readonly ending: string
  readonly holds: string
}

async function pathsIn(folder: string, { pattern, ending, holds }: Wanted): Promise<readonly string[]> {
  const remedy = `name the folder that holds ${holds}`
  const found = await systemFiles.names(folder).catch(() => {
    throw usageFailure(`there is no folder ${folder}, or it cannot be read`, remedy)
  })
  const names = found.filter((name) => pattern.test(name)).toSorted()
  if (names.length === 0) throw usageFailure(`there is no file ending in ${ending} in ${folder}`, remedy)
  if (names.length > filesMax) throw usageFailure(`there are more than ${filesMax} such files in ${folder}`, 'split it')
  return names.map((name) => join(folder, name))
}

async function readCases(path: string): Promise<CasesFile> {
  const unread = (message: string, remedy: string) => readCasesFile(path, '', { message, remedy })
  try {
    const text = await systemFiles.text(path)
    return text.length > caseBytesMax ? unread('it is larger than 4 MiB', 'split it') : readCasesFile(path, text)
  } catch {
    return unread('it cannot be read as a text', 'check the path, and who may read it')
  }
}
