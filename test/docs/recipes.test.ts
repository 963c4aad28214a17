/** What the recipes promise will go red, where nothing else would see it: parts that were written and never joined. */
import assert from 'node:assert/strict'
import { globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { isRefusalCode, refusals } from '../../src/kernel/refusals.ts'
import { prunedKind } from '../../src/ledger/journal-format.ts'
import { erasureKind } from '../../src/ledger/verify.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))

function sources(pattern: string): { readonly path: string; readonly text: string }[] {
  const paths = globSync(pattern, { cwd: root }).filter((path) => !path.endsWith('.test.ts'))
  return paths.toSorted().map((path) => ({ path, text: readFileSync(join(root, path), 'utf8') }))
}

function joined(pattern: string, into: string): void {
  const files = sources(pattern)
  assert.ok(files.length > 10, `only ${files.length} files were seen`)
  const [table] = sources(into)
  for (const { path } of files) {
    const name = path.slice(path.lastIndexOf('/') + 1)
    assert.ok(table?.text.includes(`/${name}'`) === true, `${path} is not joined in ${into}`)
  }
}

test('every endpoint stands in the table', () => joined('src/api/endpoints/*.ts', 'src/api/endpoints.ts'))

test('every command stands in a group', () => joined('src/cli/commands/*.ts', 'src/cli/build-cli.ts'))

test('every refusal is given by somebody', () => {
  const code = sources('src/**/*.ts').filter(({ path }) => !path.startsWith('src/kernel/refusals-'))
  const all = code.map(({ text }) => text).join('\n')
  for (const refusal of Object.keys(refusals)) assert.ok(all.includes(`'${refusal}'`), `nobody gives this refusal: ${refusal}`)
})

test('says and remedy of all refusals are written alike', () => {
  for (const [code, { says, remedy }] of Object.entries(refusals)) {
    for (const words of [says, remedy]) {
      assert.match(words, /^(?:[a-z0-9]|JSON|POST )/, `${code}: "${words}" begins in lowercase`)
      assert.doesNotMatch(words, /[.!]$/, `${code}: "${words}" ends without a full stop`)
    }
  }
})

test('every kind of ledger entry is in the reference, and nothing else is', () => {
  const text = [...sources('src/control/*.ts'), ...sources('src/main/*.ts')].map((file) => file.text).join('\n')
  const written = new Set([...text.matchAll(/kind: '([a-z-]+\.[a-z-]+)'/g)].map(([, kind = '']) => kind))
  // The kinds that are put together where they are written: by the state something came to, or by whether it was there.
  for (const state of ['ended', 'denied', 'withdrawn', 'unclaimed']) written.add(`grant.${state}`)
  for (const state of ['ended', 'denied', 'withdrawn']) written.add(`exception.${state}`)
  for (const state of ['denied', 'withdrawn', 'expired', 'stale']) written.add(`change-set.${state}`)
  for (const kind of ['service', 'issuer']) written.add(`${kind}.changed`).add(`${kind}.removed`)
  for (const what of ['published', 'removed']) written.add(`application.${what}`)
  written.add('identity.changed').add('uses.reserved').add(erasureKind).add(prunedKind)
  assert.ok(written.size > 25, `only ${written.size} kinds were seen`)
  const [page] = sources('docs/reference/ledger.md')
  const shown = [...(page?.text ?? '').matchAll(/`([a-z-]+\.[a-z-]+)`/g)].map(([, kind = '']) => kind)
  const absent = [...written].filter((kind) => !shown.includes(kind))
  assert.deepEqual(absent, [], 'is not in the ledger’s reference')
  assert.deepEqual(
    // The page speaks of refusals too.
    shown.filter((kind) => !written.has(kind) && !isRefusalCode(kind)),
    [],
    'is in the reference, and nothing writes it',
  )
})
