/** An application in which very many policies speak of one question, and an answer that can be written and read all the same. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { evaluateInSet } from '../../src/control/authzen-applications.ts'
import { openApplication } from '../../src/decision/application-set.ts'
import { PolicyChecker } from '../../src/host/policy-checker.ts'
import { mustBe } from '../../src/kernel/result.ts'

const checker = new PolicyChecker()
after(() => checker.close())

const count = 3_000
const schema = {
  name: 'a.cedarschema',
  text: 'entity User; entity Doc; action view appliesTo { principal: User, resource: Doc, context: { amount: Long } };',
}
const question = {
  subject: { type: 'User', id: 'u' },
  action: { name: 'view' },
  resource: { type: 'Doc', id: 'd' },
  context: { amount: 7 },
}

test('a yes by thousands names some of them and says how many there are; obligations are all there', async () => {
  const text = Array.from({ length: count }, (_, n) => {
    const obliges = n === count - 1 ? '@obligation("log") ' : ''
    return `${obliges}permit (principal, action, resource) when { context.amount < ${n + 8} };`
  }).join('\n')
  const checked = await checker.checkApplication({ schema, files: [{ name: 'a.cedar', text }], links: [], linksName: '' })
  if ('problems' in checked) assert.fail(checked.problems[0]?.message)
  const set = mustBe(
    openApplication({
      id: 'many',
      version: '1',
      schema: { ...schema, json: checked.schema },
      parsed: checked.policies,
      links: [],
      entities: [],
      callers: [],
    }),
  )
  const { decision, context = {} } = evaluateInSet(set, { ...question, explains: true })
  assert.equal(decision, true)
  const { policies, policiesLeftOut, obligations } = context as {
    policies: unknown[]
    policiesLeftOut: number
    obligations: { id: string }[]
  }
  assert.equal(policies.length, 100)
  assert.equal(policiesLeftOut, count - 100)
  assert.deepEqual(
    obligations.map(({ id }) => id),
    [`a.cedar#${count}`],
  )
  assert.ok(JSON.stringify(context).length < 50_000)
})
