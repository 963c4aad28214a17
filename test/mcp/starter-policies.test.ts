/** The policies that agents start with: taken as `remit check` takes them, and each of their cases answered as it wants. */
import assert from 'node:assert/strict'
import { join } from 'node:path'
import test from 'node:test'
import { check } from '../../src/main/check.ts'
import { testPolicies } from '../../src/main/policy-cases.ts'
import { root } from '../../tools/files.ts'

for (const name of ['coding-agent', 'incident-agent', 'data-agent']) {
  const folder = join(root, 'docs', 'examples', name)
  const configuration = join(folder, 'remit.yaml')

  test(`${name}: remit check takes it`, async () => {
    const { problems, policies } = await check(join(folder, 'policies'), configuration)
    assert.deepEqual(problems, [])
    assert.ok(policies >= 5, `${policies} policies`)
  })

  test(`${name}: its cases are answered as they want`, async () => {
    const { problems, results } = await testPolicies({ files: [], configuration })
    assert.deepEqual(problems, [])
    const others = results.filter(({ passed }) => !passed)
    assert.deepEqual(others, [])
    assert.ok(results.length >= 8, `${results.length} cases`)
  })
}
