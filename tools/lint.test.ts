import assert from 'node:assert/strict'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { root } from './files.ts'
import { parseFormatReport, parseLintReport } from './parse-reports.ts'
import { runTool } from './programs.ts'

// One project of planted faults, with the configuration and the packages of this one, in a folder of its own.
const folder = mkdtempSync(join(tmpdir(), 'remit-lint-'))

const faults: readonly (readonly [rule: string, path: string, text: string])[] = [
  ['typescript(no-floating-promises)', 'src/model/floating.ts', 'export async function later(): Promise<void> {}\nlater()\n'],
  [
    'typescript(no-misused-promises)',
    'src/model/misused.ts',
    'export function once(is: Promise<boolean>): number {\n  return is ? 1 : 2\n}\n',
  ],
  ['typescript(no-explicit-any)', 'src/model/any.ts', 'export const a: any = 1\n'],
  ['typescript(no-unsafe-return)', 'src/model/unsafe.ts', 'export function read(text: string): string {\n  return JSON.parse(text)\n}\n'],
  ['typescript(consistent-type-assertions)', 'src/model/cast.ts', "export const a = JSON.stringify(1) as 'x'\n"],
  [
    'typescript(switch-exhaustiveness-check)',
    'src/model/switch.ts',
    "export function f(a: 'b' | 'c'): void {\n  switch (a) {\n    case 'b':\n  }\n}\n",
  ],
  ['eslint(no-unused-vars)', 'src/model/unused.ts', 'function nobody(): void {}\nexport const a = 1\n'],
  ['eslint(no-console)', 'src/model/console.ts', "console.log('x')\nexport const a = 1\n"],
  ['eslint(max-lines)', 'src/model/long.ts', `${'export const a = 1\n'.replace('a', 'b')}${'// one more\n'.repeat(400)}`],
  ['eslint(max-lines-per-function)', 'src/model/far.ts', `export function f(): number {\n${'  // on\n'.repeat(70)}  return 1\n}\n`],
  ['eslint(max-params)', 'src/model/params.ts', 'export const f = (a: 1, b: 1, c: 1, d: 1, e: 1): number => a + b + c + d + e\n'],
  ['import(no-default-export)', 'src/model/default.ts', 'export default 1\n'],
  ['oxc(no-barrel-file)', 'src/model/index.ts', "export * from './any.ts'\nexport * from './cast.ts'\n"],
  ['import(no-cycle)', 'src/model/round.ts', "import { b } from './about.ts'\nexport const a: number = b\n"],
]
const clean = [
  ['src/model/about.ts', "import { a } from './round.ts'\nexport const b: number = a + 1\n"],
  ['src/cli/say.ts', "console.log('x')\n"],
  ['src/wire/parse-grant.ts', "export const a = JSON.stringify(1) as 'x'\n"],
] as const

let found: { readonly code: string; readonly filename: string }[] = []

before(async () => {
  for (const name of ['.oxlintrc.json', 'tsconfig.json', 'package.json']) copyFileSync(join(root, name), join(folder, name))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  for (const [path, text] of [...faults.map(([, path, text]) => [path, text] as const), ...clean]) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const report = parseLintReport((await runTool('oxlint', ['--type-aware', '--deny-warnings', '-f', 'json', 'src'], folder)).out)
  assert.equal(report.number_of_files, faults.length + clean.length)
  found = [...report.diagnostics]
})

after(() => rmSync(folder, { recursive: true, force: true }))

for (const [rule, path] of faults) {
  test(`the linter reports ${rule}`, () => {
    assert.ok(
      found.some(({ code, filename }) => code === rule && filename.endsWith(path)),
      JSON.stringify(found.filter(({ filename }) => filename.endsWith(path))),
    )
  })
}

test('the linter leaves the console to the command line, and casts to parsers', () => {
  assert.deepEqual(
    found.filter(({ filename }) => filename.endsWith('say.ts') || filename.endsWith('parse-grant.ts')),
    [],
  )
})

test('the formatter reports a file that is not formatted', async () => {
  const own = mkdtempSync(join(tmpdir(), 'remit-format-'))
  copyFileSync(join(root, 'biome.json'), join(own, 'biome.json'))
  writeFileSync(join(own, 'a.ts'), 'export const a = "x";\n')
  writeFileSync(join(own, 'b.ts'), "export const a = 'x'\n")
  const { out, code } = await runTool('biome', ['format', '--vcs-enabled=false', '--reporter=json'], own)
  rmSync(own, { recursive: true, force: true })
  assert.deepEqual(
    parseFormatReport(out).diagnostics.map(({ category, location }) => [category, location?.path]),
    [['format', 'a.ts']],
  )
  assert.equal(code, 1)
})
