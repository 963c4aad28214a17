import assert from 'node:assert/strict'
import { test } from 'node:test'
import { blank, findImports } from './source.ts'

const seen: readonly (readonly [says: string, text: string, want: readonly (string | undefined)[]])[] = [
  ['a plain import', "import { a } from './a.ts'", ['./a.ts']],
  ['one over several lines', "import {\n  a,\n  type B,\n} from './a.ts'", ['./a.ts']],
  ['a default and a namespace', "import fs, * as all from 'node:fs'", ['node:fs']],
  ['one for its effects', "import './a.ts'", ['./a.ts']],
  ['a re-export', "export { a } from './a.ts'", ['./a.ts']],
  ['a barrel', "export * from './a.ts'", ['./a.ts']],
  ['a type', "import type { A } from './a.ts'", ['type ./a.ts']],
  ['a re-exported type', "export type { A } from './a.ts'", ['type ./a.ts']],
  ['a thing that is called type', "import type from './a.ts'", ['./a.ts']],
  ['a dynamic import', "const a = await import('./a.ts')", ['./a.ts']],
  ['a dynamic import in a template', '`${await import("./a.ts")}`', ['./a.ts']],
  ['a dynamic import of a computed name', 'await import(name)', [undefined]],
  ['a dynamic import put together', "await import('./a' + b)", [undefined]],
  ['a dynamic import of a template with a hole', 'await import(`./${name}.ts`)', [undefined]],
  ['a type that is imported in place', "let a: import('./a.ts').A", ['./a.ts']],
  ['require', "const a = require('./a.ts')", [undefined]],
  ['double quotes and no spaces', 'import{a}from"./a.ts"', ['./a.ts']],
  ['two in one line', "import { a } from './a.ts'; import { b } from './b.ts'", ['./a.ts', './b.ts']],
  ['none in a comment', "// import { a } from './a.ts'\n/* import './b.ts' */", []],
  ['none in a string', 'const a = "import { a } from \'./a.ts\'"', []],
  ['none in a template', "const a = `import './a.ts'`", []],
  ['one behind a regular expression with a quote', "const a = /['\"]/\nimport('./a.ts')", ['./a.ts']],
  ['one behind a division', "const a = b / c\nimport './a.ts'\nconst d = e / f", ['./a.ts']],
  ['one behind a template in a template', "const a = `${`${{ a: '`' }}`}`\nimport './a.ts'", ['./a.ts']],
  ['none from a word that is called from', "export const from = 'x'\nconst b = { from: './a.ts' }", []],
]

for (const [says, text, want] of seen) {
  test(`sees ${says}`, () => {
    assert.deepEqual(
      findImports(text).map(({ specifier, isType }) => (isType ? `type ${specifier}` : specifier)),
      want,
    )
  })
}

test('blanking keeps length and lines, code and the quotes', () => {
  const text = "const a = 'b\\'c' // d\nconst e = /f\\/g/u /* h\n i */ + `j${k}l`"
  const code = blank(text)
  assert.equal(code.length, text.length)
  const gap = (hidden: string) => ' '.repeat(hidden.length)
  assert.equal(
    code,
    `const a = '${gap("b\\'c")}' ${gap('// d')}\nconst e = /${gap('f\\/g/u /* h')}\n${gap(' i */')} + \`${gap('j')}\${k}${gap('l')}\``,
  )
})
