/**
 * One set of policies and templates, one world and one request, put to our evaluator, to cedar-wasm and to the naive one: decision,
 * determining policies and errors must be the same. Throws with all three answers and everything that was asked.
 */
import assert from 'node:assert/strict'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import fc from 'fast-check'
import { evaluate } from '../../src/decision/cedar/evaluate.ts'
import { compilePolicies, joinPolicies } from '../../src/decision/cedar/policies.ts'
import { compileTemplate } from '../../src/decision/cedar/templates.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { naively } from './naive.ts'
import { policyJson, templateJson } from './policy-json.ts'
import { randomPolicy, randomProbe, type RandomTemplate, randomTemplate } from './random-policies.ts'
import { jsonUid, randomRequest, randomWorld, uidOf } from './random-worlds.ts'

export interface Tally {
  comparisons: number
  allow: number
  deny: number
  errors: number
  determining: number
  links: number
}

export function noTally(): Tally {
  return { comparisons: 0, allow: 0, deny: 0, errors: 0, determining: 0, links: 0 }
}

interface Answer {
  readonly decision: 'allow' | 'deny'
  readonly determining: readonly string[]
  readonly errors: readonly string[]
}

type World = typeof randomWorld extends fc.Arbitrary<infer W> ? W : never
type Request = typeof randomRequest extends fc.Arbitrary<infer R> ? R : never

/** Policies of one set: plain ones and links of templates. */
export interface PolicySet {
  readonly texts: readonly string[]
  readonly templates: readonly RandomTemplate[]
}

const mixed = fc.record({
  texts: fc.oneof(
    { weight: 5, arbitrary: fc.array(randomPolicy, { minLength: 1, maxLength: 5 }) },
    { weight: 1, arbitrary: fc.array(randomPolicy, { minLength: 8, maxLength: 20 }) },
  ),
  templates: fc.array(randomTemplate, { maxLength: 2 }),
})
const probes = fc.record({ texts: fc.array(randomProbe, { minLength: 16, maxLength: 24 }), templates: fc.constant([]) })

export const randomSet: fc.Arbitrary<PolicySet> = fc.oneof({ weight: 3, arbitrary: mixed }, { weight: 1, arbitrary: probes })

const idOf = (place: number) => `p${String(place).padStart(3, '0')}`
const linkOf = (place: number) => `t${String(place).padStart(3, '0')}`

function openOurs({ texts, templates }: PolicySet) {
  const source = (id: string, text: string, json: unknown) => ({ id, file: 'random.cedar', line: 1, text, json })
  const policies = mustBe(compilePolicies(texts.map((text, place) => source(idOf(place), text, policyJson(text))))).policies
  const links = templates.map(({ text, fill }, place) => {
    const template = mustBe(compileTemplate(source(`template${place}`, text, templateJson(text))))
    const [principal, resource] = [fill['?principal'], fill['?resource']]
    return mustBe(
      template.link(linkOf(place), {
        ...(principal === undefined ? {} : { principal: uidOf(principal) }),
        ...(resource === undefined ? {} : { resource: uidOf(resource) }),
      }),
    )
  })
  return { compiled: mustBe(joinPolicies([...policies, ...links])), policies: [...policies, ...links] }
}

function askCedar({ texts, templates }: PolicySet, call: Omit<cedar.AuthorizationCall, 'policies'>): Answer {
  const answer = cedar.isAuthorized({
    ...call,
    policies: {
      staticPolicies: Object.fromEntries(texts.map((text, place) => [idOf(place), text])),
      templates: Object.fromEntries(templates.map(({ text }, place) => [`template${place}`, text])),
      templateLinks: templates.map(({ fill }, place) => ({
        templateId: `template${place}`,
        newId: linkOf(place),
        values: Object.fromEntries(Object.entries(fill).map(([slot, text]) => [slot, jsonUid(text)])),
      })),
    },
  })
  assert.ok(answer.type === 'success', JSON.stringify(answer))
  const { decision, diagnostics } = answer.response
  return { decision, determining: diagnostics.reason.toSorted(), errors: diagnostics.errors.map(({ policyId }) => policyId).toSorted() }
}

/** A link as the policy that it comes to: the naive evaluator knows no slots. */
function filled({ text, fill }: RandomTemplate): string {
  return text.replace('?principal', () => fill['?principal'] ?? '').replace('?resource', () => fill['?resource'] ?? '')
}

/** Puts every request to all three. */
export function compare(set: PolicySet, world: World, requests: readonly Request[], seen: Tally): void {
  const { compiled } = openOurs(set)
  const plain = Object.fromEntries([
    ...set.texts.map((text, place) => [idOf(place), policyJson(text)] as const),
    ...set.templates.map((template, place) => [linkOf(place), policyJson(filled(template))] as const),
  ])
  for (const { json, ours } of requests) {
    const { decision, permits, forbids, errors } = evaluate(compiled, ours, world.store)
    const determining = decision === 'allow' ? permits : forbids
    const answer: Answer = {
      decision,
      determining: determining.map(({ id }) => id).toSorted(),
      errors: errors.map(({ policy }) => policy.id).toSorted(),
    }
    const entities = world.json as Parameters<typeof naively>[1]['entities']
    assert.deepEqual(answer, askCedar(set, { ...json, entities: world.json }), 'cedar-wasm answers otherwise')
    assert.deepEqual(answer, naively(plain, { ...json, entities }), 'the naive evaluator answers otherwise')
    seen.comparisons += 1
    seen[decision] += 1
    seen.errors += answer.errors.length
    seen.determining += answer.determining.length
    seen.links += [...answer.determining, ...answer.errors].filter((id) => id.startsWith('t')).length
  }
}

/** `runs` random sets and worlds, two requests each. The same seed asks the same. */
export function compareAll(seed: number, runs: number, seen: Tally): void {
  fc.assert(
    fc.property(randomSet, randomWorld, fc.tuple(randomRequest, randomRequest), (set, world, requests) =>
      compare(set, world, requests, seen),
    ),
    { seed, numRuns: runs },
  )
}
