/** Templates and their links, held against cedar-wasm: what a link makes of each form of a slot, and which links there cannot be. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { policyJson, templateJson } from '../../../test/oracle/policy-json.ts'
import { mustBe } from '../../kernel/result.ts'
import { entityStore } from './entities.ts'
import { evaluate } from './evaluate.ts'
import { compilePolicy, joinPolicies } from './policies.ts'
import type { Fill } from './scopes.ts'
import { compileTemplate } from './templates.ts'
import { Uid } from './values.ts'

const ana = new Uid('Human', 'ana')
const bot = new Uid('Agent', 'bot')
const staff = new Uid('Role', 'staff')
const shop = new Uid('Service', 'shop')
const route = new Uid('Route', 'shop/pay')
const named = [ana, bot, staff, shop, route]
const store = mustBe(
  entityStore([
    { uid: ana, attributes: new Map(), parents: [staff] },
    { uid: bot, attributes: new Map(), parents: [staff] },
    { uid: route, attributes: new Map([['tier', 2n]]), parents: [shop] },
  ]),
)
const plain = ({ type, id }: Uid) => ({ type, id })
const storeJson = [
  { uid: plain(ana), attrs: {}, parents: [plain(staff)] },
  { uid: plain(bot), attrs: {}, parents: [plain(staff)] },
  { uid: plain(route), attrs: { tier: 2 }, parents: [plain(shop)] },
]

function template(text: string) {
  return compileTemplate({ file: 'a.cedar', line: 3, text, json: templateJson(text), id: 'template' })
}

const texts = [
  'permit (principal == ?principal, action, resource);',
  'permit (principal in ?principal, action, resource == ?resource);',
  'permit (principal is Human in ?principal, action, resource is Route in ?resource) when { resource.tier > 1 };',
  'forbid (principal, action == Action::"go", resource in ?resource) unless { principal is Agent };',
]

for (const text of texts) {
  test(`every link of ${text} answers as cedar-wasm's does`, () => {
    const { slots, link } = mustBe(template(text))
    const fills = named.flatMap((principal) => named.map((resource) => ({ principal, resource })))
    const chosen = fills.map(
      ({ principal, resource }): Fill => ({
        ...(slots.includes('?principal') ? { principal } : {}),
        ...(slots.includes('?resource') ? { resource } : {}),
      }),
    )
    const compiled = mustBe(joinPolicies(chosen.map((fill, place) => mustBe(link(`link-${place}`, fill)))))
    const templateLinks = chosen.map(({ principal, resource }, place) => ({
      templateId: 'template',
      newId: `link-${place}`,
      values: {
        ...(principal === undefined ? {} : { '?principal': plain(principal) }),
        ...(resource === undefined ? {} : { '?resource': plain(resource) }),
      },
    }))
    let answered = 0
    for (const principal of named) {
      for (const resource of named) {
        const action = new Uid('Action', 'go')
        const ours = evaluate(compiled, { principal, action, resource, context: new Map() }, store)
        const theirs = cedar.isAuthorized({
          principal: plain(principal),
          action: plain(action),
          resource: plain(resource),
          context: {},
          entities: storeJson,
          policies: { templates: { template: text }, templateLinks },
        })
        assert.ok(theirs.type === 'success', JSON.stringify(theirs))
        const { decision, diagnostics } = theirs.response
        const determining = (decision === 'allow' ? ours.permits : ours.forbids).map(({ id }) => id)
        assert.deepEqual(determining.toSorted(), diagnostics.reason.toSorted())
        const failed = ours.errors.map(({ policy }) => policy.id)
        assert.deepEqual(failed.toSorted(), diagnostics.errors.map(({ policyId }) => policyId).toSorted())
        answered += determining.length + failed.length
      }
    }
    assert.ok(answered > 0, 'agreement about nothing would prove nothing')
  })
}

test('a link fills exactly the slots there are', () => {
  const { id, slots, link } = mustBe(template('@id("t") @note("n") permit (principal == ?principal, action, resource);'))
  assert.deepEqual([id, slots], ['template', ['?principal']])
  const says = (fill: Fill) => {
    const answer = link('one', fill)
    return answer.ok ? answer.value.describe() : answer.refusal.detail
  }
  assert.equal(says({ principal: ana }), 'permit "one" (a.cedar:3)')
  assert.match(says({}) ?? '', /^a\.cedar:3: .*a link that leaves \?principal open/)
  assert.match(
    says({ principal: ana, resource: shop }) ?? '',
    /^a\.cedar:3: .*a link that fills \?resource, which the template does not have/,
  )
})

test('a linked policy has its JSON with entities in place of slots, the annotations of its template, and names the entities', () => {
  const text = '@note("n") permit (principal is Human in ?principal, action, resource == ?resource);'
  const { json, annotations, mentions, equated, scope } = mustBe(mustBe(template(text)).link('one', { principal: staff, resource: route }))
  const same = policyJson('permit (principal is Human in Role::"staff", action, resource == Route::"shop/pay");')
  assert.deepEqual(JSON.parse(JSON.stringify({ ...json, annotations: undefined })), JSON.parse(JSON.stringify(same)))
  assert.equal(annotations.get('note'), 'n')
  assert.deepEqual(mentions.map(String), ['Role::"staff"', 'Route::"shop/pay"'])
  assert.deepEqual(equated.map(String), ['Route::"shop/pay"'])
  assert.equal(scope.principal.kind, 'of-type')
})

test('a template is no policy, and a policy no template', () => {
  const text = 'permit (principal == ?principal, action, resource);'
  const asPolicy = compilePolicy({ file: 'a.cedar', line: 3, text, json: templateJson(text), id: 'a' })
  assert.match((!asPolicy.ok && asPolicy.refusal.detail) || 'not refused', /a template \(the slot in principal\)/)
  const bare = 'permit (principal, action, resource);'
  const asTemplate = compileTemplate({ file: 'a.cedar', line: 3, text: bare, json: policyJson(bare), id: 'a' })
  assert.match((!asTemplate.ok && asTemplate.refusal.detail) || 'not refused', /a template without slots/)
})
