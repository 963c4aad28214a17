/** Long strings that are looked at and not made again: no control character is overlooked, wherever it stands and whatever stands around it. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { makeScanner } from './control-characters.ts'
import { readLongString, standsForItself } from './long-strings.ts'

const surroundings = [
  ['ASCII', 'a'],
  ['Latin-1', 'é'],
  ['other letters', 'д'],
  ['pairs of surrogates', '😀'],
] as const

for (const [says, letter] of surroundings)
  for (const length of [100, 4_000, 70_000])
    test(`each control character among ${length} places of ${says} is found`, () => {
      for (let code = 0; code < 0x20; code += 1)
        for (const before of [0, 1, 15, 16, 17, length / 2, length - 2, length]) {
          const text = letter.repeat(before) + String.fromCharCode(code) + letter.repeat(length - before)
          assert.equal(standsForItself(text), false, `${code} after ${before}`)
          assert.equal(readLongString(`"${text}"`, 1), undefined, `${code} after ${before}`)
        }
    })

for (const [says, letter] of surroundings)
  test(`what is none passes, among ${says}`, () => {
    for (const length of [100, 4_000, 70_000])
      for (const other of [' ', '\u007f', '\u0080', '\u009f', '\u2028', '~', '!', '#', '[', ']']) {
        const text = letter.repeat(length) + other + letter
        assert.equal(standsForItself(text), true, JSON.stringify(other))
        assert.deepEqual(readLongString(`["${text}", 1]`, 2), { value: text, to: text.length + 3 })
      }
  })

test('quotes and backslashes do not stand for themselves', () => {
  for (const sign of ['"', '\\']) assert.equal(standsForItself(`${'a'.repeat(5_000)}${sign}`), false)
})

for (const length of [16_383, 16_384, 16_385, 32_767, 32_768, 32_769])
  for (const [says, letter] of surroundings)
    test(`${length} times ${says}, at the edge of what is looked through in one go`, () => {
      const text = letter.repeat(length)
      const to = text.length + 2
      assert.deepEqual(readLongString(`"${text}", "b\\n"`, 1), { value: text, to })
      assert.deepEqual(readLongString(`"${text}\\""`, 1), { value: `${text}"`, to: to + 2 })
      assert.deepEqual(readLongString(`"${text}\\\\"`, 1), { value: `${text}\\`, to: to + 2 })
      assert.equal(readLongString(`"${text}`, 1), undefined)
      assert.equal(readLongString(`"${text}\\"`, 1), undefined)
      for (const flaw of ['\n', '"', '\\', '\u001f']) {
        assert.equal(standsForItself(text + flaw), false)
        assert.equal(standsForItself(`${text}${flaw}${letter}`), false)
      }
      assert.equal(readLongString(`"${text}\n"`, 1), undefined)
      assert.equal(standsForItself(text), true)
    })

for (const [says, hex] of [
  ['sixteen at a time', undefined],
  ['one by one, where the platform does not take the module', '0061736d01000000ff'],
] as const)
  test(`control characters are found ${says}`, () => {
    const { bytes, isAnyIn } = makeScanner(hex)
    assert.equal(bytes.byteLength, 65_536)
    for (const length of [16, 4_096, 49_152])
      for (const place of [0, 1, 15, length - 1])
        for (const byte of [0, 0x0a, 0x1f, 0x20, 0x7f, 0xff]) {
          bytes.fill(0x79)
          bytes[place] = byte
          assert.equal(isAnyIn(length) !== 0, byte < 0x20, `${byte} at ${place} of ${length}`)
          assert.equal(isAnyIn(16) !== 0, byte < 0x20 && place < 16)
        }
  })
