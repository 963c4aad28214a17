/** Policies checked by Cedar's own parser and validator, in a process that is started when needed and may be killed. */
import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { inTurns, type Turning } from '../kernel/in-turns.ts'
import type { JsonObject } from '../kernel/json.ts'
import { nearestName, type SourceProblem } from '../kernel/source-problems.ts'
import { type ApplicationTexts, applicationTask, type CheckedApplication, policyOfAnswer, readApplication } from './application-check.ts'
import { cuttingPolicies, placeIn, type PolicySlice, type PolicyText } from './policy-text.ts'
import type { ApplicationTask, CedarFinding, CheckAnswer, CheckTask } from './policy-worker.ts'

/** One policy that Cedar accepts: its place, its text and its JSON form, integers without loss. */
export interface CheckedPolicy {
  readonly file: string
  readonly line: number
  readonly text: string
  readonly json: JsonObject
}

export type PolicyCheck = { readonly policies: readonly CheckedPolicy[] } | { readonly problems: readonly SourceProblem[] }

export interface PolicyCheckerOptions {
  /** How long one check may take before its process is killed; default 20 s. */
  readonly timeMsMax?: number
  /** How long a process without work stays for the next check; default 2 s. Its memory goes with it. */
  readonly idleMs?: number
}

const memoryMbMax = 256
/** What the main process has to do takes turns with whatever else it does. */
const loop: Turning = { now: () => performance.now(), turn: () => new Promise((resolve) => setImmediate(resolve)) }

/** Checks one set of policies after another. Nothing runs between checks for longer than `idleMs`. */
export class PolicyChecker {
  readonly #timeMsMax: number
  readonly #idleMs: number
  #worker: ChildProcess | undefined
  #idle: NodeJS.Timeout | undefined
  #last: Promise<unknown> = Promise.resolve()
  #gone: Promise<unknown> = Promise.resolve()

  constructor(options: PolicyCheckerOptions = {}) {
    this.#timeMsMax = options.timeMsMax ?? 20_000
    this.#idleMs = options.idleMs ?? 2_000
  }

  /** The process that is there now, if any. */
  get pid(): number | undefined {
    return this.#worker?.pid
  }

  /** Every policy parsed, or every problem found, validator warnings included. Never throws for anything that a policy contains. */
  async check(files: readonly PolicyText[], schema: string): Promise<PolicyCheck> {
    const { slices, problems } = await inTurns(cuttingPolicies(files), loop)
    const checked = await this.checkSlices(slices, schema)
    const all = [...problems, ...('problems' in checked ? checked.problems : [])]
    return all.length > 0 ? { problems: inOrder(all) } : checked
  }

  /** As `check`, without the limits that it puts before Cedar's parser. */
  async checkSlices(slices: readonly PolicySlice[], schema: string): Promise<PolicyCheck> {
    const mine = this.#last.then(() => this.#run({ policies: slices.map((slice) => slice.text), schema }))
    this.#last = mine
    const answer = await mine
    if (typeof answer === 'string') return { problems: [crashed(slices, answer)] }
    const problems = problemsOf(slices, answer.findings, schema)
    if (problems.length > 0) return { problems }
    return { policies: await inTurns(readingPolicies(slices, answer.json), loop) }
  }

  /** An application's schema, policies, templates and links; nothing of Remit's is looked at. Never throws for anything in them. */
  async checkApplication(texts: ApplicationTexts): Promise<CheckedApplication | { readonly problems: readonly SourceProblem[] }> {
    const prepared = applicationTask(texts)
    if ('problems' in prepared) return prepared
    const { task, slices } = prepared
    const mine = this.#last.then(() => this.#run(task))
    this.#last = mine
    const answer = await mine
    if (typeof answer === 'string') return { problems: [crashed(slices, answer)] }
    const ofPolicies = answer.findings.filter((finding) => finding.policy !== undefined)
    const problems = problemsOf(slices, ofPolicies, texts.schema.text, ownSchema)
    return readApplication({ texts, slices, answer, problems })
  }

  /** Kills the process, if there is one, and waits until it is gone. A later check starts another. */
  async close(): Promise<void> {
    clearTimeout(this.#idle)
    const worker = this.#worker
    this.#worker = undefined
    if (worker !== undefined) this.#gone = Promise.all([this.#gone, end(worker)])
    await this.#gone
  }

  /** The process's answer, or in one sentence why there is none. */
  async #run(task: CheckTask | ApplicationTask): Promise<CheckAnswer | string> {
    clearTimeout(this.#idle)
    const worker = (this.#worker ??= startWorker())
    worker.ref()
    worker.channel?.ref()
    const { promise, resolve } = Promise.withResolvers<CheckAnswer | string>()
    const onAnswer = (answer: unknown) => resolve(isAnswer(answer) ? answer : `Cedar's validator answered something else`)
    const onError = (cause: Error) => resolve(`Cedar's validator could not be started (${cause.message})`)
    const onExit = (code: number | null) => resolve(`Cedar's validator broke off (${code === null ? 'killed' : `exit ${code}`})`)
    worker.once('message', onAnswer).once('exit', onExit).on('error', onError)
    const timer = setTimeout(() => resolve(`Cedar's validator took longer than ${this.#timeMsMax / 1_000} s`), this.#timeMsMax)
    // A process that is gone already says so through `exit`; the failed sending adds nothing.
    worker.send(task, () => undefined)
    const answer = await promise
    clearTimeout(timer)
    worker.off('message', onAnswer).off('exit', onExit)
    if (typeof answer === 'string') {
      // Whatever happened in there, that module is not asked again.
      await this.close()
      return answer
    }
    worker.off('error', onError).unref()
    worker.channel?.unref()
    this.#idle = setTimeout(() => void this.close(), this.#idleMs).unref()
    return answer
  }
}

/** Where the parent has these, a child needs them to start at all; nothing else of the environment is its business. */
const environmentNames = ['SystemRoot', 'LD_LIBRARY_PATH', 'DYLD_LIBRARY_PATH']

function startWorker(): ChildProcess {
  // The build renames imports, not URLs: the worker has the ending of this file.
  const ending = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
  const inherited = environmentNames.map((name) => [name, process.env[name]] as const)
  return fork(fileURLToPath(new URL(`./policy-worker.${ending}`, import.meta.url)), {
    env: Object.fromEntries(inherited.filter(([, value]) => value !== undefined)),
    execArgv: [`--max-old-space-size=${memoryMbMax}`],
    serialization: 'advanced',
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  })
}

async function end(worker: ChildProcess): Promise<void> {
  if (worker.exitCode !== null || worker.signalCode !== null) return
  const { promise, resolve } = Promise.withResolvers<void>()
  worker.once('exit', () => resolve())
  worker.ref()
  if (worker.kill('SIGKILL')) await promise
}

function isAnswer(answer: unknown): answer is CheckAnswer {
  return typeof answer === 'object' && answer !== null && 'json' in answer && 'findings' in answer
}

function crashed(slices: readonly PolicySlice[], why: string): SourceProblem {
  const longest = slices.toSorted((left, right) => right.text.length - left.text.length)[0]
  return {
    file: longest?.file ?? '',
    line: longest?.line ?? 1,
    column: longest?.column ?? 1,
    message: `${why}; this is the longest of ${slices.length} policies`,
    remedy: 'write the policies shorter and flatter; none of them was accepted',
  }
}

function* readingPolicies(slices: readonly PolicySlice[], json: readonly (string | undefined)[]): Generator<undefined, CheckedPolicy[]> {
  const policies: CheckedPolicy[] = []
  for (const [place, slice] of slices.entries()) {
    policies.push(readPolicy(slice, json[place]))
    yield
  }
  return policies
}

function readPolicy(slice: PolicySlice, text: string | undefined): CheckedPolicy {
  return { file: slice.file, line: slice.line, text: slice.text, json: policyOfAnswer(text) }
}

const generated = 'the schema that Remit generates'
const ownSchema = "the application's schema"

function problemsOf(
  slices: readonly PolicySlice[],
  findings: readonly CedarFinding[],
  schema: string,
  whose = generated,
): readonly SourceProblem[] {
  // What follows from an error, such as that the policy can then never apply, would only hide it.
  const withErrors = new Set(findings.filter((finding) => finding.kind !== 'warning').map((finding) => finding.policy))
  const told = findings.filter((finding) => finding.kind !== 'warning' || !withErrors.has(finding.policy))
  return inOrder(
    told.map((finding) => {
      const slice = finding.policy === undefined ? undefined : slices[finding.policy]
      const message = withoutPolicyName(finding.message)
      if (slice === undefined) return { file: '', line: 1, column: 1, message, remedy: finding.help ?? `this is about ${whose}` }
      const remedy = finding.help === undefined ? remedyFor(finding, slice, schema, whose) : withoutPolicyName(finding.help)
      return { file: slice.file, ...placeIn(slice, finding.byteOffset), message, remedy }
    }),
  )
}

function withoutPolicyName(message: string): string {
  return message.replace(/^for policy `policy\d+`, /, '').replace(/^failed to parse policy from string: /, '')
}

/** What to do about a message that Cedar gives no help for. */
function remedyFor({ kind, message }: CedarFinding, slice: PolicySlice, schema: string, whose: string): string {
  if (kind === 'syntax')
    return 'this is where Cedar no longer understands the text; its comments begin with //, and each policy ends with ;'
  if (message.includes('policy is impossible'))
    return unknownHas(slice, schema) ?? 'its conditions exclude each other: loosen or remove them'
  if (message.includes('unable to find an applicable action'))
    return 'no action of the schema takes such a principal and such a resource: widen the scope'
  return `compare it with ${whose}: only names and types that stand there can be used`
}

/** Cedar does not say which name behind `has` no type has, the most frequent reason why a policy can never apply. */
function unknownHas(slice: PolicySlice, schema: string): string | undefined {
  const attributes = new Set(
    [...schema.matchAll(/(?:"([^"]*)"|\b([A-Za-z_]\w*))\??:(?!:)/g)].map(([, quoted, plain]) => quoted ?? plain ?? ''),
  )
  for (const [, quoted, path = ''] of slice.text.matchAll(/\bhas\s+(?:"([^"]*)"|([A-Za-z_][\w.]*))/g)) {
    const names = quoted === undefined ? path.split('.') : [quoted]
    const unknown = names.find((name) => !attributes.has(name))
    if (unknown === undefined) continue
    const near = nearestName(unknown, attributes)
    return near === undefined ? `nothing has an attribute "${unknown}"` : `nothing has an attribute "${unknown}"; did you mean "${near}"?`
  }
  return undefined
}

function inOrder(problems: readonly SourceProblem[]): readonly SourceProblem[] {
  return problems.toSorted((left, right) => compare(left.file, right.file) || left.line - right.line || left.column - right.column)
}

function compare(left: string, right: string): number {
  if (left === right) return 0
  return left < right ? -1 : 1
}
