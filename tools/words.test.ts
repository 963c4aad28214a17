import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkWords } from './words.ts'

// Put together here, so that this file does not say what it looks for.
const slash = '/'
const open = '/** A file. */\n'

const cases: readonly (readonly [says: string, path: string, text: string, want: string | undefined])[] = [
  ['a machine path', 'docs/a.md', `see ${slash}work${slash}main`, 'words/machine-path'],
  ["root's home", 'a.yaml', `file: ${slash}root${slash}.npm`, 'words/machine-path'],
  ["somebody's home", 'docs/a.md', `${slash}home${slash}kim/remit`, 'words/machine-path'],
  ['a scratch folder', 'docs/a.md', `cd ${slash}tmp${slash}x`, 'words/machine-path'],
  ['a route that looks like one', 'docs/a.md', 'GET https://shop.example/work/items and {id}/root/x', undefined],
  ['unfinished business', 'src/kernel/a.ts', `${open}// TO${''}DO: more`, 'words/unfinished'],
  ['unfinished business in a page', 'docs/a.md', `FIX${''}ME`, 'words/unfinished'],
  ['a registry', 'docs/a.md', `https://registry.${''}npmjs.org/x`, 'words/registry'],
  ['where a package came from', 'package-lock.json', `{\n  "res${''}olved": "x"\n}`, 'words/resolved'],
  ['an address of a package', 'tools/runtime/package-lock.json', `"https://x.example/a.t${''}gz"`, 'words/tarball'],
  ['a funding address in a lock file', 'package-lock.json', '"url": "https://opencollective.com/biome"', undefined],
  ['a silenced rule', 'src/kernel/a.ts', `${open}// oxlint${'-'}disable-next-line`, 'words/silenced'],
  ['a silenced type', 'src/kernel/a.ts', `${open}// @ts-${'ignore'}`, 'words/silenced'],
  ['an empty name', 'src/kernel/a.ts', `${open}export class GrantManager {}`, 'words/name'],
  ['an empty name in lowercase', 'src/kernel/a.ts', `${open}const info = 1`, 'words/name'],
  ['a property that others named', 'src/kernel/a.ts', `${open}log.info('x')`, undefined],
  ['an empty name in a comment', 'src/kernel/a.ts', `${open}// a class Manager would hide this`, undefined],
  ['an empty folder', 'src/kernel/utils/a.ts', open, 'words/folder'],
  ['a file that does not say what it is for', 'src/kernel/a.ts', 'export const a = 1\n', 'words/opening'],
  ['a launcher that does, behind its first line', 'tools/a.mjs', `#!/usr/bin/env node\n${open}`, undefined],
  ['a test, which needs no sentence', 'src/kernel/a.test.ts', 'export const a = 1\n', undefined],
]

for (const [says, path, text, want] of cases) {
  test(`${want === undefined ? 'allows' : 'reports'} ${says}`, () => {
    assert.deepEqual(
      checkWords([{ path, text }]).map(({ rule }) => rule),
      want === undefined ? [] : [want],
    )
  })
}

test('reports the host this machine installs from, at its line', () => {
  const found = checkWords([{ path: 'docs/a.md', text: 'one\ntwo packages.example.net\n' }], ['packages.example.net'])
  assert.deepEqual(
    found.map(({ rule, line }) => [rule, line]),
    [['words/registry', 2]],
  )
})
