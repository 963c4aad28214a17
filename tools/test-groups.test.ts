/** The groups of test files: none is lost, none runs twice, and what belongs to the process is left to files that run alone. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupsOf, mayShare } from './test-groups.ts'

const shares =
  "import { test } from 'node:test'\ndescribe('a clock', () => {\n  beforeEach(() => begin())\n  test('x', async () => {\n    await y()\n  })\n})"

const alone: readonly (readonly [says: string, text: string])[] = [
  ['sets a variable of the environment', "process.env['REMIT_SECRET'] = 'x'"],
  ['reads the memory of its process', 'const before = process.memoryUsage().rss'],
  ['starts a program', "import { spawn } from 'node:child_process'"],
  ['starts a server', "import { PostgresServer } from '../contract/postgres-server.ts'"],
  ['calls what sets the mask of its process', "import { backup } from '../../src/main/backup.ts'"],
  ['measures time', 'const begun = performance.now()'],
  ['changes a prototype', "Object.defineProperty(Object.prototype, 'x', {})"],
  ['puts a hook around every test', 'beforeEach(() => undefined)'],
  ['opens something before every test', 'before(async () => {\n  house = await open()\n})'],
  ['opens a browser', "import { openBrowser } from './browser.ts'"],
  ['waits before its tests are known', 'const house = await open()'],
  ['waits on a line of its own', 'await open()'],
]

test('a file that leaves its process as it was shares it', () => assert.equal(mayShare(shares), true))

for (const [says, text] of alone) test(`a file that ${says} runs alone`, () => assert.equal(mayShare(`${shares}\n${text}\n`), false))

test('every file runs once, beside those of its folder', () => {
  const files = Array.from({ length: 50 }, (_, place) => `test/${place % 2 === 0 ? 'laws' : 'mcp'}/${place}.test.ts`)
  files.push('src/kernel/a.test.ts', 'src/model/b.test.ts')
  const groups = groupsOf(files, (file) => (file.endsWith('/7.test.ts') ? 'process.umask(0)' : shares))
  assert.deepEqual(groups.flatMap((group) => group.files).toSorted(), files.toSorted())
  assert.equal(new Set(groups.map(({ name }) => name)).size, groups.length)
  assert.deepEqual(groups[0], { name: 'test/mcp/7.test.ts', files: ['test/mcp/7.test.ts'] })
  for (const group of groups) {
    assert.ok(group.files.length <= 8)
    assert.equal(new Set(group.files.map((file) => file.split('/')[file.startsWith('test/') ? 1 : 0])).size, 1)
  }
})
