/** Runs one policy case: reads it against its world, asks, and holds the answer against the one that is wanted. */
import type { PolicyCaseResult } from '../cli/house.ts'
import { tellAnswer, tellAsked, type Told } from '../control/replay-compare.ts'
import { readArgument } from '../control/replay-lines.ts'
import { type Instant, parseDuration, parseInstant } from '../kernel/instants.ts'
import { parseJson } from '../kernel/json.ts'
import { nearestName, type SourceProblem } from '../kernel/source-problems.ts'
import type { Action, ArgumentValue } from '../model/actions.ts'
import type { Fact, ScopeEntry, Task } from '../model/grants.ts'
import type { Identity } from '../model/identities.ts'
import { parseScopeLine } from '../model/scope.ts'
import type { ArgumentRule, Route } from '../model/services.ts'
import { answerAct, answerAsk, type Put } from './policy-cases-answer.ts'
import type { CasePath, CasesFile } from './policy-cases-file.ts'
import type { CaseTask, PolicyCase } from './policy-cases-shape.ts'
import { differencesOf, checkWant } from './policy-cases-want.ts'
import type { CaseWorld, CaseWorlds } from './policy-cases-world.ts'

const noon = Date.UTC(2030, 0, 1, 12)

type Ran = PolicyCaseResult | { readonly problems: readonly SourceProblem[] }

export async function runCase(worlds: CaseWorlds, file: CasesFile, index: number): Promise<Ran> {
  const each = file.cases?.cases[index]
  if (file.cases === undefined || each === undefined) return { problems: [] }
  const read = await worlds.with(file.cases.facts, each.facts)
  if ('problems' in read) return read
  if ('faults' in read) {
    const place = each.facts === undefined ? ['facts'] : ['cases', index, 'facts']
    return { problems: read.faults.map(({ pointer, message, remedy }) => file.problemAt(place, `${pointer}: ${message}`, remedy)) }
  }
  return new CaseRun(read.world, { file, index, each }).run()
}

interface Running {
  readonly file: CasesFile
  readonly index: number
  readonly each: PolicyCase
}

/** One case on the way from words to an answer; what cannot be read is told with its place, all of it. */
class CaseRun {
  readonly #world: CaseWorld
  readonly #running: Running
  readonly #problems: SourceProblem[] = []

  constructor(world: CaseWorld, running: Running) {
    this.#world = world
    this.#running = running
  }

  run(): Ran {
    const { each } = this.#running
    checkWant(each, (path, message, remedy) => this.#fault(path, message, remedy))
    const got = each.act === undefined ? this.#asked() : this.#acted()
    if (got === undefined) return { problems: this.#problems }
    const { file, index } = this.#running
    const { line, column } = file.problemAt(['cases', index, 'name'], '', '')
    const differences = differencesOf(each.want, got.told)
    return {
      file: file.path,
      line,
      column,
      name: each.name,
      passed: differences.length === 0,
      differences,
      says: got.told.says,
      why: got.why,
    }
  }

  #asked(): { readonly told: Told; readonly why: readonly string[] } | undefined {
    const { ask } = this.#running.each
    if (ask === undefined) return undefined
    const put = this.#put(ask.scope, ['ask', 'scope'])
    const duration = ask.duration === undefined ? undefined : this.#duration(ask.duration, ['ask', 'duration'])
    if (this.#problems.length > 0) return undefined
    const { answer, why } = answerAsk(this.#world, duration === undefined ? put : { ...put, duration })
    return { told: tellAsked(answer), why }
  }

  #acted(): { readonly told: Told; readonly why: readonly string[] } | undefined {
    const { act } = this.#running.each
    const action = this.#action()
    if (act === undefined || action === undefined) return undefined
    const put = this.#put(act.scope ?? [act.on], act.scope === undefined ? ['act', 'on'] : ['act', 'scope'])
    if (this.#problems.length > 0) return undefined
    const { answer, why } = answerAct(this.#world, { ...put, action, address: act.from ?? '127.0.0.1', refusals: act.refusals ?? 0 })
    const told = tellAnswer(answer)
    // What let its grant be asked for lets it be done.
    return { told: answer.outcome === 'allow' ? { ...told, policies: answer.policies } : told, why }
  }

  #put(scope: readonly string[], place: CasePath): Put {
    const at = this.#at()
    return { chain: this.#chain(), task: this.#task(at), scope: this.#scope(scope, place), at }
  }

  #at(): Instant {
    const { file, each } = this.#running
    const own = each.at === undefined ? undefined : parseInstant(each.at)
    if (own?.ok === false) this.#fault(['at'], 'there is no such instant', 'write it like 2030-01-02T15:04:05Z')
    const common = file.cases?.at === undefined ? undefined : parseInstant(file.cases.at)
    if (common?.ok === false) this.#problems.push(file.problemAt(['at'], 'there is no such instant', 'write it like 2030-01-02T15:04:05Z'))
    if (own?.ok === true) return own.value
    return common?.ok === true ? common.value : noon
  }

  #chain(): readonly Identity[] {
    const { each } = this.#running
    const links: readonly (readonly [string, CasePath])[] = [
      [each.as, ['as']],
      ...(each.for ?? []).map((name, place) => [name, ['for', place]] as const),
    ]
    return links.flatMap(([name, place]) => {
      const identity = this.#world.identities.get(name)
      if (identity === undefined) this.#unknown(place, { what: 'nobody is called', name }, this.#world.identities.keys())
      return identity ?? []
    })
  }

  #task(at: Instant): Task {
    const { file, each } = this.#running
    const given: CaseTask = { kind: 'task', ...file.cases?.task, ...each.task }
    const fact = (name: string, value: string, source: string): Fact => ({ name, value, source, at })
    return {
      kind: given.kind,
      statement: given.statement ?? '',
      claimed: given.ticket === undefined ? [] : [fact('ticket', given.ticket, each.as)],
      proved: Object.entries(given.proved ?? {}).map(([name, value]) => fact(name, value, 'case')),
    }
  }

  #scope(lines: readonly string[], place: CasePath): readonly ScopeEntry[] {
    return lines.flatMap((line, index) => {
      const read = parseScopeLine(line)
      if (read.ok) return [read.value]
      const at = place.at(-1) === 'scope' ? [...place, index] : place
      this.#fault(at, `this is no scope: ${read.refusal.detail ?? line}`, 'write it as remit request takes it, such as shop/restart')
      return []
    })
  }

  #duration(text: string, place: CasePath): number | undefined {
    const read = parseDuration(text)
    if (read.ok) return read.value
    this.#fault(place, 'this is no length of time', 'write it like 90s, 30m, 2h or 1d')
    return undefined
  }

  #action(): Action | undefined {
    const { act } = this.#running.each
    if (act === undefined) return undefined
    const [serviceName = '', operation = ''] = act.on.split('/')
    const service = this.#world.services.get(serviceName)
    if (service === undefined)
      return this.#unknown(['act', 'on'], { what: 'there is no service', name: serviceName }, this.#world.services.keys())
    const route = service.routes.find(({ name }) => name === operation)
    const names = service.routes.map(({ name }) => `${serviceName}/${name}`)
    if (route === undefined) return this.#unknown(['act', 'on'], { what: 'there is no operation', name: act.on }, names)
    const { method: verb, effect, tier } = route
    const given = this.#arguments(route)
    return {
      protocol: service.protocol,
      service: service.id,
      operation,
      verb,
      effect,
      tier,
      arguments: given,
      target: `${verb} ${route.path}`,
    }
  }

  #arguments(route: Route): Readonly<Record<string, ArgumentValue>> {
    const { file, index, each } = this.#running
    const given = each.act?.arguments ?? {}
    for (const { name, required } of route.arguments)
      if (required && !Object.hasOwn(given, name))
        this.#fault(['act'], `the argument ${name} is missing`, 'without it the gateway refuses the request')
    const values = Object.keys(given).flatMap((name): (readonly [string, ArgumentValue])[] => {
      const place = ['act', 'arguments', name]
      const rule = route.arguments.find((one) => one.name === name)
      if (rule === undefined) {
        this.#unknown(
          place,
          { what: `${route.name} has no argument`, name },
          route.arguments.map((one) => one.name),
        )
        return []
      }
      const value = readExactly(file.exactAt(['cases', index, ...place]))
      if (value !== undefined && isOfType(rule, value)) return [[name, value]]
      this.#fault(place, `${name} is a ${rule.type} here`, typeWords[rule.type])
      return []
    })
    return Object.fromEntries(values)
  }

  #unknown(place: CasePath, { what, name }: { readonly what: string; readonly name: string }, known: Iterable<string>): undefined {
    const all = [...known]
    const near = nearestName(name, all)
    const some = all.slice(0, 10).join(', ')
    this.#fault(place, `${what} "${name.slice(0, 60)}"`, near === undefined ? `known are ${some || 'none'}` : `did you mean "${near}"?`)
  }

  #fault(place: CasePath, message: string, remedy: string): void {
    const { file, index } = this.#running
    this.#problems.push(file.problemAt(['cases', index, ...place], message, remedy))
  }
}

const typeWords: Readonly<Record<ArgumentRule['type'], string>> = {
  string: 'write text, in quotes where it looks like a number',
  long: 'write a whole number',
  decimal: 'write a number',
  boolean: 'write true or false',
  strings: 'write a list of texts',
  json: 'write its canonical JSON as a text',
}

/** A value as a gateway reads it: whole numbers exact, fractions by their digits. */
function readExactly(value: unknown): ArgumentValue | undefined {
  if (typeof value === 'bigint') {
    const read = parseJson(value.toString())
    return read.ok ? readArgument(read.value) : undefined
  }
  const read = parseJson(JSON.stringify(value) ?? '')
  return read.ok ? readArgument(read.value) : undefined
}

function isOfType({ type }: ArgumentRule, value: ArgumentValue): boolean {
  switch (type) {
    case 'string':
    case 'json':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'strings':
      return Array.isArray(value)
    case 'long':
      return typeof value === 'bigint' || (typeof value === 'number' && Number.isSafeInteger(value))
    case 'decimal':
      return typeof value === 'number' || typeof value === 'bigint' || (typeof value === 'object' && !Array.isArray(value))
  }
}
