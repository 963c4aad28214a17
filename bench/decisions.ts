/**
 * What one decision costs, its context included: our closures beside cedar-wasm with a policy set that it has parsed beforehand, and beside
 * casbin, in turns in one process, on the same questions with the same answers. `node bench/decisions.ts` prints it.
 *
 * cedar-wasm is given only the five entities that a question needs, since it reads every entity that it is given at each call; our
 * evaluator looks them up among all of them.
 */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { callContext } from '../src/decision/contexts.ts'
import { type EntityInput, type EntityStore, entityStore } from '../src/decision/cedar/entities.ts'
import { evaluate } from '../src/decision/cedar/evaluate.ts'
import { type CompiledPolicies, compilePolicies } from '../src/decision/cedar/policies.ts'
import { Uid } from '../src/decision/cedar/values.ts'
import { mustBe } from '../src/kernel/result.ts'
import type { Action } from '../src/model/actions.ts'
import type { Task } from '../src/model/grants.ts'
import { policyJson } from '../test/oracle/policy-json.ts'
import { type Casbin, openCasbin } from './casbin.ts'
import { percentile } from './figures.ts'

export interface Decisions {
  readonly entities: number
  /** By number of policies: microseconds of one decision. Policies that name whom and what they are about. */
  readonly scoped: readonly Compared[]
  /** The worst case: policies that are about everybody and everything, and say the rest in their conditions. */
  readonly unscoped: readonly Compared[]
}

export interface Compared {
  readonly policies: number
  readonly ours: Micros
  readonly wasm: Micros
  readonly casbin: Micros
  /** Milliseconds until the set can be asked. */
  readonly load: { readonly ours: number; readonly wasm: number; readonly casbin: number }
}

export interface Micros {
  readonly p50: number
  readonly p99: number
  readonly samples: number
}

const sizes = [10, 100, 1_000, 10_000] as const
const unscopedSizes = [10, 100, 1_000] as const
const [roles, services, agents, routesPerService] = [100, 100, 10_000, 97]
const secondsEach = 1
const oursMax = 50_000
const questionsMany = 512
const now = Date.UTC(2026, 0, 1)

/** One question, as each of them takes it. */
interface Question {
  readonly agent: string
  readonly roles: readonly string[]
  readonly service: string
  readonly route: string
  readonly amount: number
  readonly action: Action
}

const write = new Uid('Effect::Action', 'write')
const anyEffect = new Uid('Effect::Action', 'any')
const writeJson = { type: write.type, id: write.id }
const task: Task = { kind: 'release', statement: 'bring out what is ready', claimed: [], proved: [] }

if (import.meta.main) process.stdout.write(`${JSON.stringify(await measure())}\n`)

async function measure(): Promise<Decisions> {
  const inputs = entitiesOf()
  const store = mustBe(entityStore(inputs))
  const scoped: Compared[] = []
  const unscoped: Compared[] = []
  for (const policies of sizes) scoped.push(await compare({ policies, store, isScoped: true }))
  for (const policies of unscopedSizes) unscoped.push(await compare({ policies, store, isScoped: false }))
  return { entities: inputs.length, scoped, unscoped }
}

/** Agents in two roles each, and routes below services: 20,000 in all. */
function entitiesOf(): EntityInput[] {
  const none = new Map()
  const routes = Array.from({ length: services }, (_, service) =>
    Array.from({ length: routesPerService }, (_, route) => ({
      uid: new Uid('Route', `s${service}/r${route}`),
      attributes: new Map([['environment', service % 2 === 0 ? 'prod' : 'test']]),
      parents: [new Uid('Service', `s${service}`)],
    })),
  ).flat()
  return [
    ...Array.from({ length: agents }, (_, place) => ({
      uid: new Uid('AiAgent', `a${place}`),
      attributes: none,
      parents: rolesOf(place).map((role) => new Uid('Role', role)),
    })),
    ...Array.from({ length: roles }, (_, place) => ({ uid: new Uid('Role', `r${place}`), attributes: none, parents: [] })),
    ...Array.from({ length: services }, (_, place) => ({ uid: new Uid('Service', `s${place}`), attributes: none, parents: [] })),
    ...routes,
    { uid: write, attributes: none, parents: [anyEffect] },
    { uid: anyEffect, attributes: none, parents: [] },
  ]
}

function rolesOf(agent: number): readonly [string, string] {
  return [`r${agent % roles}`, `r${(agent * 7 + 3) % roles}`]
}

/** What policy number `place` says: one role, one service, up to an amount. Every tenth forbids. */
export interface Said {
  readonly isForbid: boolean
  readonly role: string
  readonly service: string
  readonly amountMax: number
}

function said(place: number): Said {
  return {
    isForbid: place % 10 === 9,
    role: `r${place % roles}`,
    service: `s${Math.floor(place / roles) % services}`,
    amountMax: 100 + (place % 7) * 100,
  }
}

function textOf({ isForbid, role, service, amountMax }: Said, isScoped: boolean): string {
  const amount = isForbid ? `context.arguments.amount > ${amountMax}` : `context.arguments.amount <= ${amountMax}`
  const about = `principal in Role::"${role}" && action in Effect::Action::"any" && resource in Service::"${service}"`
  const effect = isForbid ? 'forbid' : 'permit'
  return isScoped
    ? `${effect} (principal in Role::"${role}", action in Effect::Action::"any", resource in Service::"${service}") when { context.task.kind == "release" && ${amount} };`
    : `${effect} (principal, action, resource) when { ${about} && context.task.kind == "release" && ${amount} };`
}

interface Asked {
  readonly policies: number
  readonly store: EntityStore
  readonly isScoped: boolean
}

async function compare({ policies, store, isScoped }: Asked): Promise<Compared> {
  const all = Array.from({ length: policies }, (_, place) => said(place))
  const texts = all.map((each) => textOf(each, isScoped))
  const questions = questionsFor(all)
  const sources = texts.map((text, place) => ({ file: 'bench.cedar', line: place + 1, text, json: policyJson(`@id("p${place}") ${text}`) }))
  const [compiled, oursMs] = await timed(() => mustBe(compilePolicies(sources)))
  const set = `bench-${policies}-${isScoped}`
  const [, wasmMs] = await timed(() =>
    cedar.preparsePolicySet(set, { staticPolicies: Object.fromEntries(texts.map((text, place) => [`p${place}`, text])) }),
  )
  const [casbin, casbinMs] = await timed(() => openCasbin(all, rolesOfQuestions(questions)))
  const ways = [
    (question: Question) => askOurs(compiled, store, question),
    (question: Question) => askWasm(set, question),
    (question: Question) => askCasbin(casbin, question),
  ] as const
  agree(questions.slice(0, 40), ways)
  const [ours, wasm, other] = ways.map((ask, place) => micros(ask, questions, place === 0 ? oursMax : Infinity))
  if (ours === undefined || wasm === undefined || other === undefined) throw new Error('not every way was measured')
  return { policies, ours, wasm, casbin: other, load: { ours: oursMs, wasm: wasmMs, casbin: casbinMs } }
}

async function timed<T>(work: () => T | Promise<T>): Promise<[T, number]> {
  const began = performance.now()
  return [await work(), performance.now() - began]
}

/** Each is about a service that some policy names, by somebody who has the role, for an amount that is now allowed and now not. */
function questionsFor(all: readonly Said[]): Question[] {
  return Array.from({ length: questionsMany }, (_, place) => {
    const { role, service } = all[(place * 37) % all.length] ?? said(0)
    const agent = Number(role.slice(1)) + roles * ((place * 13) % (agents / roles))
    const [route, amount] = [`${service}/r${(place * 11) % routesPerService}`, (place * 83) % 900]
    const action = {
      protocol: 'http',
      service,
      operation: route.slice(route.indexOf('/') + 1),
      verb: 'POST',
      effect: 'write',
      tier: 1,
      arguments: { id: `order-${place}`, amount, express: place % 2 === 0 },
      target: `/orders/${place}`,
    } as const satisfies Action
    return { agent: `a${agent}`, roles: rolesOf(agent), service, route, amount, action }
  })
}

function rolesOfQuestions(questions: readonly Question[]): ReadonlyMap<string, readonly string[]> {
  return new Map(questions.map(({ agent, roles }) => [agent, roles]))
}

/** As a gateway asks: the context is made of the action each time, entities are looked up by name among all of them. */
function askOurs(compiled: CompiledPolicies, store: EntityStore, { agent, route, action }: Question): boolean {
  const context = callContext({ task, action, address: '127.0.0.1', refusals: 0, now })
  if (context === undefined) throw new Error('an argument that cannot be said in Cedar')
  const request = { principal: new Uid('AiAgent', agent), action: write, resource: new Uid('Route', route), context }
  return evaluate(compiled, request, store).decision === 'allow'
}

function askWasm(preparsedPolicySetId: string, { agent, roles, service, route, action }: Question): boolean {
  const uid = (type: string, id: string) => ({ type, id })
  const entity = (of: cedar.TypeAndId, parents: cedar.TypeAndId[]) => ({ uid: of, attrs: {}, parents })
  const [principal, resource] = [uid('AiAgent', agent), uid('Route', route)]
  const answer = cedar.statefulIsAuthorized({
    principal,
    action: writeJson,
    resource,
    preparsedPolicySetId,
    context: {
      task: { kind: task.kind, statement: task.statement },
      proved: {},
      claimed: {},
      time: { __extn: { fn: 'datetime', arg: '2026-01-01T00:00:00Z' } },
      client: { __extn: { fn: 'ip', arg: '127.0.0.1' } },
      session: { refusals: 0 },
      arguments: {
        id: String(action.arguments['id']),
        amount: Number(action.arguments['amount']),
        express: action.arguments['express'] === true,
      },
      provenance: {},
    },
    entities: [
      entity(
        principal,
        roles.map((role) => uid('Role', role)),
      ),
      entity(resource, [uid('Service', service)]),
      entity(writeJson, [uid(anyEffect.type, anyEffect.id)]),
      ...roles.map((role) => entity(uid('Role', role), [])),
    ],
  })
  if (answer.type !== 'success') throw new Error(`cedar-wasm could not decide: ${JSON.stringify(answer)}`)
  return answer.response.decision === 'allow'
}

function askCasbin(casbin: Casbin, { agent, service, amount }: Question): boolean {
  return casbin(agent, service, { kind: task.kind, amount })
}

/** Speed at saying something else would be worth nothing. */
function agree(questions: readonly Question[], ways: readonly ((question: Question) => boolean)[]): void {
  const seen = new Set<boolean>()
  for (const question of questions) {
    const answers = ways.map((ask) => ask(question))
    if (new Set(answers).size !== 1) throw new Error(`they answer differently: ${answers.join(', ')} to ${JSON.stringify(question)}`)
    seen.add(answers[0] ?? false)
  }
  if (seen.size !== 2) throw new Error('every question had the same answer')
}

/** Warm: the first fifth is for the compiler. */
function micros(ask: (question: Question) => boolean, questions: readonly Question[], samplesMax: number): Micros {
  const times: number[] = []
  const until = performance.now() + secondsEach * 1_000
  for (let place = 0; place < samplesMax && performance.now() < until; place += 1) {
    const question = questions[place % questions.length]
    if (question === undefined) throw new Error('no questions')
    const began = performance.now()
    ask(question)
    times.push((performance.now() - began) * 1_000)
  }
  const warm = times.slice(Math.floor(times.length / 5)).toSorted((left, right) => left - right)
  return { p50: percentile(warm, 50), p99: percentile(warm, 99), samples: warm.length }
}
