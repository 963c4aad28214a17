import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listFiles, readFiles } from './files.ts'
import { checkFloors, floorOf, floors } from './floors.ts'

const cases: readonly (readonly [says: string, path: string, text: string, want: RegExp | undefined])[] = [
  ['an import from its own folder', 'src/control/a.ts', "import { b } from './b.ts'", undefined],
  ['an import from a floor below', 'src/control/a.ts', "import { b } from '../decision/b.ts'", undefined],
  ['an import from a floor above', 'src/model/a.ts', "import { b } from '../control/b.ts'", /model may not import from control/],
  ['a re-export from a floor above', 'src/kernel/a.ts', "export { b } from '../model/b.ts'", /kernel may not import from model/],
  ['a type from a floor above', 'src/kernel/a.ts', "import type { B } from '../model/b.ts'", /kernel may not import from model/],
  ['a dynamic import from a floor above', 'src/graph/a.ts', "await import('../control/b.ts')", /graph may not import from control/],
  ['a computed import', 'src/graph/a.ts', 'await import(name)', /cannot be read from the text/],
  ['the types of the ports in a store', 'src/store/sqlite/a.ts', "import type { Store } from '../../control/ports.ts'", undefined],
  ['values of the ports in a store', 'src/store/sqlite/a.ts', "import { Store } from '../../control/ports.ts'", /types alone/],
  [
    'types of another file of control in a store',
    'src/store/sqlite/a.ts',
    "import type { A } from '../../control/a.ts'",
    /may not import from control/,
  ],
  ['one store in another', 'src/store/postgres/a.ts', "import { a } from '../sqlite/a.ts'", /may not import from store\/sqlite/],
  ['one gateway in another', 'src/gateways/http/a.ts', "import { a } from '../mcp/a.ts'", /may not import from gateways\/mcp/],
  ['what gateways share', 'src/gateways/http/a.ts', "import { a } from '../shared/a.ts'", undefined],
  ['control in the host', 'src/host/a.ts', "import type { A } from '../control/ports.ts'", /host may not import from control/],
  ['kernel in the cli', 'src/cli/a.ts', "import { a } from '../kernel/a.ts'", /cli may not import from kernel/],
  ['anything in main', 'src/main/a.ts', "import { a } from '../control/a.ts'\nimport x from 'anything'", undefined],
  ['a test, imported', 'src/main/a.ts', "import { a } from '../control/a.test.ts'", /imports the test/],
  ['a file outside', 'src/model/a.ts', "import { a } from '../../tools/a.ts'", /on no floor/],
  ['a folder that is no floor', 'src/extra/a.ts', "import { a } from './b.ts'", /is on no floor/],
  ['a file that lies in src itself', 'src/a.ts', "import { a } from './kernel/b.ts'", /is on no floor/],
  ['its package', 'src/api/a.ts', "import { fastify } from 'fastify'", undefined],
  ["another floor's package", 'src/control/a.ts', "import { z } from 'zod'", /may not use the package zod/],
  [
    'a package by its inner path',
    'src/control/a.ts',
    "import x from '@cedar-policy/cedar-wasm/nodejs'",
    /the package @cedar-policy\/cedar-wasm/,
  ],
  ['a builtin that computes', 'src/ledger/a.ts', "import { createHash } from 'node:crypto'", undefined],
  ['files in a pure floor', 'src/ledger/a.ts', "import { readFileSync } from 'node:fs'", /node:fs \(files\)/],
  ['sockets in a gateway', 'src/gateways/http/a.ts', "import { createServer } from 'node:http'", undefined],
  ['timers in a gateway', 'src/gateways/http/a.ts', "import { setTimeout } from 'node:timers/promises'", /node:timers/],
  ['a builtin on no list', 'src/host/a.ts', "import x from 'node:brandnew'", /on no list/],
  ['the clock', 'src/control/a.ts', "import './b.ts'\nconst now = Date.now()", /the clock \(Date\.now\)/],
  ['the clock by a new date', 'src/control/a.ts', "import './b.ts'\nconst now = new Date()", /the clock/],
  ['a date from an instant', 'src/kernel/a.ts', "import './b.ts'\nconst at = new Date(instant)", undefined],
  ['a date from a text', 'src/kernel/a.ts', "import './b.ts'\nconst at = new Date('2020-01-01')", undefined],
  ['chance', 'src/control/a.ts', "import './b.ts'\nMath.random()", /chance/],
  ['chance from crypto', 'src/gateways/http/a.ts', "import { randomBytes } from 'node:crypto'", /chance \(randomBytes\)/],
  ['chance from the other crypto', 'src/api/a.ts', "import './b.ts'\ncrypto.randomUUID()", /chance \(randomUUID\)/],
  ['a timer', 'src/control/a.ts', "import './b.ts'\nsetTimeout(() => end(), 5)", /timers/],
  ["a socket's own timeout", 'src/gateways/http/a.ts', "import './b.ts'\nsocket.setTimeout(5)", undefined],
  ['the environment', 'src/api/a.ts', "import './b.ts'\nconst a = process.env['A']", /the process and its environment/],
  ['the next turn of the loop', 'src/gateways/http/a.ts', "import './b.ts'\nprocess.nextTick(end)", undefined],
  ['the network by fetch', 'src/control/a.ts', "import './b.ts'\nawait fetch(a)", /the network/],
  ['a fetch that was handed in', 'src/control/a.ts', "import './b.ts'\nawait ports.fetch(a)", undefined],
  ['a secret revealed in control', 'src/control/a.ts', "import { reveal } from '../kernel/secret.ts'\nreveal(a)", /the value of a secret/],
  ['a secret revealed at a gateway', 'src/gateways/http/a.ts', "import { reveal } from '../../kernel/secret.ts'\nreveal(a)", undefined],
  ['any of these in a comment or a string', 'src/control/a.ts', "import './b.ts'\n// Date.now()\nconst a = 'Math.random()'", undefined],
  ['anything in a test', 'src/kernel/a.test.ts', "import { a } from '../main/a.ts'\nimport 'fast-check'\nDate.now()", undefined],
]

for (const [says, path, text, want] of cases) {
  test(`${want === undefined ? 'allows' : 'reports'} ${says}`, () => {
    const findings = checkFloors([{ path, text }]).findings.filter(({ rule }) => rule !== 'floors/blind')
    if (want === undefined) assert.deepEqual(findings, [])
    else assert.match(findings.map((finding) => finding.says).join('\n'), want)
  })
}

test('a finding names its line', () => {
  const { findings } = checkFloors([{ path: 'src/model/a.ts', text: "import './b.ts'\n\nDate.now()\n" }])
  assert.deepEqual(
    findings.map(({ line }) => line),
    [3],
  )
})

test('fails when it sees no import', () => {
  assert.deepEqual(
    checkFloors([{ path: 'src/kernel/a.ts', text: 'export const a = 1' }]).findings.map(({ rule }) => rule),
    ['floors/blind'],
  )
})

test('every floor stands on floors that exist, and on none that stands on it', () => {
  for (const [name, { standsOn }] of Object.entries(floors)) {
    for (const below of standsOn.filter((one) => one !== '*')) {
      assert.ok(below in floors, `${name} stands on ${below}`)
      assert.ok(!floors[below]?.standsOn.includes(name), `${name} and ${below} stand on each other`)
    }
  }
})

test('the floor of a path is the longest that fits', () => {
  assert.equal(floorOf('src/gateways/http/a.ts'), 'gateways/http')
  assert.equal(floorOf('src/decision/cedar/a.ts'), 'decision')
  assert.equal(floorOf('src/gateways/a.ts'), undefined)
  assert.equal(floorOf('tools/a.ts'), undefined)
})

test('the project itself is seen: files and imports by the dozen', () => {
  const { files, imports } = checkFloors(readFiles(listFiles(), /^src\//))
  assert.ok(files > 20)
  assert.ok(imports > 50)
})
