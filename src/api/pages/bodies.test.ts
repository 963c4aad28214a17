import assert from 'node:assert/strict'
import test from 'node:test'
import { parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import { hexDump, prettyJson } from './bodies.ts'

const indented = (text: string) => prettyJson(mustBe(parseJson(text)))

test('indenting changes neither order nor digits', () => {
  assert.equal(
    indented('{"b":30.50,"a":[9007199254740993,{}],"c":[],"d":1e400}'),
    '{\n  "b": 30.50,\n  "a": [\n    9007199254740993,\n    {}\n  ],\n  "c": [],\n  "d": 1e400\n}',
  )
})

test('bytes are shown all, with their offset', () => {
  assert.equal(hexDump(Uint8Array.from([0x41, 0x00, 0xff])), `000000  41 00 ff${' '.repeat(39)}  A..`)
  assert.equal(hexDump(new Uint8Array(33)).split('\n').length, 3)
})
