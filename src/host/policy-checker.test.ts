/** The checker with its real process: what it finds, that it survives what breaks Cedar, and that it leaves nothing running. */
import assert from 'node:assert/strict'
import { after, test } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { cedarSchema } from '../decision/schema.ts'
import { describeSourceProblem } from '../kernel/source-problems.ts'
import { PolicyChecker, type PolicyCheck } from './policy-checker.ts'

const schema = cedarSchema({
  services: [
    {
      name: 'shop',
      protocol: 'http',
      environment: 'prod',
      labels: [],
      operations: [
        {
          name: 'restart',
          effect: 'execute',
          arguments: [
            { name: 'service', type: 'string', required: true },
            { name: 'force', type: 'boolean', required: false },
          ],
        },
      ],
    },
  ],
})

const checker = new PolicyChecker()
after(() => checker.close())

const told = (check: PolicyCheck) => ('problems' in check ? check.problems.map(describeSourceProblem) : [])
const check = (text: string) => checker.check([{ name: 'a.cedar', text }], schema)
const operation = 'action == Action::"http:shop/restart"'

const good = `@id("a")\nforbid (principal, ${operation}, resource);`

test('policies come back with file, line, text and JSON, integers exact', async () => {
  const text = `// first\n@id("a") forbid (principal, ${operation}, resource)\nwhen { context.session.refusals > 9007199254740993 || context.session.refusals < -9223372036854775807 };\n\n@id("b") forbid (principal, ${operation}, resource);`
  const checked = await check(text)
  assert.ok('policies' in checked, told(checked).join())
  assert.deepEqual(
    checked.policies.map(({ file, line }) => [file, line]),
    [
      ['a.cedar', 2],
      ['a.cedar', 5],
    ],
  )
  const numbers: unknown[] = []
  JSON.stringify(checked.policies[0]?.json, (key, value: unknown) => {
    if (key === 'Value') numbers.push(value)
    return typeof value === 'bigint' ? String(value) : value
  })
  assert.deepEqual(numbers, [9_007_199_254_740_993n, -9_223_372_036_854_775_807n])
})

const wrong: Readonly<Record<string, readonly [text: string, problem: RegExp]>> = {
  'a misspelt type': [
    `@id("é")\npermit (principal is Humn,\n  action == Action::"request", resource);`,
    /^a\.cedar:2:22: unrecognized entity type `Humn`\n {2}did you mean `Human`\?$/,
  ],
  'a misspelt action': [
    `\n\n  permit (principal, action == Action::"reqest", resource);`,
    /^a\.cedar:3:32: unrecognized action.*\n {2}did you mean `Action::"request"`\?$/,
  ],
  'a misspelt argument': [
    `forbid (principal, ${operation}, resource) when { "é" == context.task.kind &&\n context.arguments.servce == "x" };`,
    /^a\.cedar:2:2: attribute `arguments\.servce` in context .* not found\n {2}did you mean `service`\?$/,
  ],
  'a misspelt argument behind has, of which Cedar only warns': [
    `forbid (principal, ${operation}, resource) when { context.arguments has forse };`,
    /^a\.cedar:1:1: policy is impossible.*\n {2}nothing has an attribute "forse"; did you mean "force"\?$/,
  ],
  'conditions that exclude each other': [
    `forbid (principal, ${operation}, resource) when { 1 == 2 };`,
    /^a\.cedar:1:1: policy is impossible.*\n {2}its conditions exclude each other/,
  ],
  'an operation on a resource it is not done to': [
    `forbid (principal, ${operation}, resource is Device);`,
    /^a\.cedar:1:1: unable to find an applicable action.*\n {2}no action of the schema takes/,
  ],
  'an argument of another type': [
    `forbid (principal, ${operation}, resource) when { context.arguments.service == 1 };`,
    /the types Long and String are not compatible/,
  ],
  'a template': [`permit (principal in ?principal, action, resource);`, /^a\.cedar:1:22: expected a static policy, got a template/],
  'a number beyond 64 bits': [
    `forbid (principal, ${operation}, resource) when { 9223372036854775808 == 1 };`,
    /^a\.cedar:1:\d+: integer literal `9223372036854775808` is too large/,
  ],
  'a comment of another language': [
    `permit /* all */ (principal, action, resource);`,
    /^a\.cedar:1:8: unexpected token `\/`\n.*comments begin with \/\//,
  ],
  'a string without an end': [`@id("a) permit (principal, action, resource);`, /^a\.cedar:1:5: invalid token/],
  'a policy without its semicolon': [`${good.slice(0, -1)}`, /^a\.cedar:\d+:\d+: unexpected end of input/],
  'an annotation given twice': [`@id("a") @id("b") ${good.slice(8)}`, /duplicate annotation: @id/],
}

for (const [says, [text, problem]] of Object.entries(wrong)) {
  test(`found: ${says}`, async () => assert.match(told(await check(text)).join('\n'), problem))
}

test('all problems of all files are told at once, in the order of the files', async () => {
  const files = [
    { name: 'b.cedar', text: `${good}\npermit (principal is Humn, ${operation}, resource);` },
    { name: 'a.cedar', text: `forbid (principal, ${operation}, resource) when { ${'('.repeat(70)}true${')'.repeat(70)} };\nnonsense;` },
  ]
  const problems = told(await checker.check(files, schema))
  assert.deepEqual(
    problems.map((problem) => problem.slice(0, 9)),
    ['a.cedar:1', 'a.cedar:2', 'b.cedar:3'],
  )
})

test('a schema that Cedar refuses is a problem', async () => {
  assert.match(told(await checker.check([{ name: 'a.cedar', text: good }], 'entity')).join(), /^:1:1: /)
})

test('what breaks the validator is a problem, and the next check works', async () => {
  const breaking = `permit (principal, action == Action::"request", resource) when { ${'('.repeat(200)}true${')'.repeat(200)} };`
  const many = `permit (principal, action == Action::"request", resource) when { ${Array.from({ length: 5_000 }, () => 'context.seconds > 1').join(' || ')} };`
  for (const text of [breaking, many]) {
    assert.match(told(await check(text)).join(), /nested deeper|larger than/, 'the limits stand before it')
    const past = await checker.checkSlices([{ file: 'a.cedar', line: 4, column: 1, text }], schema)
    assert.match(told(past).join(), /^a\.cedar:4:1: Cedar's validator broke off/)
    assert.ok('policies' in (await check(good)))
  }
})

test('a check that takes too long is ended, and the next one works', async () => {
  // Starting a process takes longer than a millisecond, so this one always runs out of time.
  const hasty = new PolicyChecker({ timeMsMax: 1 })
  assert.match(told(await hasty.check([{ name: 'a.cedar', text: good }], schema)).join(), /took longer than 0\.001 s/)
  assert.match(told(await hasty.check([{ name: 'a.cedar', text: good }], schema)).join(), /took longer than 0\.001 s/)
  await hasty.close()
})

test('checks that come together are all answered', async () => {
  const answers = await Promise.all(Array.from({ length: 8 }, (_, place) => check(place % 2 === 0 ? good : 'nonsense;')))
  assert.deepEqual(
    answers.map((answer) => 'policies' in answer),
    [true, false, true, false, true, false, true, false],
  )
})

test('without work the process goes, and comes again when it is needed', async () => {
  const isThere = (pid: number) => {
    try {
      return process.kill(pid, 0)
    } catch {
      return false
    }
  }
  const idle = new PolicyChecker({ idleMs: 20 })
  const pids = []
  for (const _ of [1, 2]) {
    assert.ok('policies' in (await idle.check([{ name: 'a.cedar', text: good }], schema)))
    const { pid } = idle
    assert.ok(pid !== undefined && isThere(pid))
    pids.push(pid)
    // Nobody closes it: should it stay, the test runs out of time.
    while (isThere(pid)) await setImmediate()
    assert.equal(idle.pid, undefined)
  }
  assert.equal(new Set(pids).size, 2)
})
