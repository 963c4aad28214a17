/** Whatever a server calls its tools, what is written of them reads as what was meant, and stands as a configuration. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { parse } from 'yaml'
import { strictYaml } from '../../src/cli/configuration-file.ts'
import { declaredObject, declaredText } from '../../src/cli/declared-service.ts'
import { declare, type Listed } from '../../src/gateways/mcp/declaring.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { parseJson, isJsonObject } from '../../src/kernel/json.ts'
import { readConfiguration } from '../../src/model/configuration.ts'

const marks = [
  ...['#', ':', '-', '{', '}', '[', ']', ',', '"', "'", '\\', ' ', '?', '&', '*', '!', '|', '>', '%', '@', '`', '~', '=', '.', '/', '_'],
  ...['\n', '\r', '\t', '\u001b', '\u0085', '\u00a0', '\u2028', '\u202e', '\u200b', '\ufeff', '\ud83d', 'a', '1', 'é'],
]
const odd = [
  'true',
  'null',
  '~',
  '1',
  '0x1f',
  '1e3',
  'no',
  '.nan',
  '2001-01-01',
  '<<',
  '---',
  '...',
  'look',
  'remit_x',
  '__proto__',
  'a: b',
  '# x',
]
const word = fc.oneof(
  fc.constantFrom(...odd),
  fc.string({ unit: fc.constantFrom(...marks), maxLength: 20 }),
  fc.string({ unit: 'binary', maxLength: 90 }),
)
const uri = word.map((text) => `x:${text}`)
const listed: fc.Arbitrary<Listed> = fc.record({
  tools: fc.array(
    fc.record({
      name: word,
      inputSchema: fc
        .dictionary(word, fc.constantFrom({ type: 'string' }, { type: 'integer' }, true), { maxKeys: 4 })
        .map((properties) => ({
          properties,
          required: Object.keys(properties).slice(0, 2),
        })),
    }),
    { maxLength: 5 },
  ),
  resources: fc.array(fc.record({ name: word, uri }), { maxLength: 5 }),
  resourceTemplates: fc.array(fc.record({ name: word, uriTemplate: uri.map((text) => `${text}{rest}`) }), { maxLength: 5 }),
  prompts: fc.array(fc.record({ name: word, arguments: fc.array(fc.record({ name: word }), { maxLength: 3 }) }), { maxLength: 5 }),
})
const service = { name: 'bank', at: { command: ['serve', 'a # b', '*x', '{', '- y'], variables: ['TOKEN'] }, reference: undefined }

test('what is written reads as what was meant, and is a configuration; nothing in it acts on a terminal', () => {
  fc.assert(
    fc.property(listed, (said) => {
      const report = { revision: '2026-07-28', ...declare(said) }
      const text = declaredText(service, report)
      const meant = JSON.stringify({ services: [declaredObject(service, report)] })
      // As whoever redirects it into a file has it.
      const kept = Buffer.from(text).toString()
      assert.equal(JSON.stringify(parse(kept, strictYaml)), meant)
      assert.doesNotMatch(kept, /[^\n\P{Cc}]|\p{Cf}|\p{Cs}/u)
      const document = mustBe(parseJson(JSON.stringify({ version: 1, people: [{ name: 'ana' }], ...(JSON.parse(meant) as object) })))
      assert.ok(isJsonObject(document))
      const read = readConfiguration(document)
      assert.deepEqual('problems' in read ? read.problems : [], [])
    }),
    { numRuns: 300 },
  )
})
