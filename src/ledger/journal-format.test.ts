/** The journal's lines: their exact text, and that no change of a sealed line goes unnamed. */
import assert from 'node:assert/strict'
import { createPrivateKey, createHash } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { makeSigner } from '../host/key-files.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { chainLine, readSeal, startHead, startWalk, stepLine, type Walk, writeLine, writeSeal } from './journal-format.ts'
import { makeVkey, type NoteKey, parseVkey } from './note.ts'

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 3)])
const signer = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'gateway-http')
const vkey = makeVkey(signer.name, signer.publicKey)
const key = mustBe(parseVkey(vkey))

/** Lines of `counts.length` groups, each closed by a seal. */
function writeJournal(counts: readonly number[]): string[] {
  const lines: string[] = []
  let head = startHead(vkey)
  const add = (line: string): void => {
    lines.push(line)
    head = chainLine(head, Buffer.from(line))
  }
  for (const count of counts) {
    for (let place = 0; place < count; place += 1)
      add(writeLine(head.n + 1, { at: 1_700_000_000_000 + head.n, type: 'decided', what: `é ${head.n}` }))
    add(writeSeal(head, signer))
  }
  return lines
}

function walkAll(lines: readonly string[], by: NoteKey = key): Result<Walk> {
  let walk = startWalk(by.vkey)
  for (const line of lines) {
    const step = stepLine(walk, line, by)
    if (!step.ok) return step
    walk = step.value.walk
  }
  return { ok: true, value: walk }
}

function flaw(lines: readonly string[], by?: NoteKey): string {
  const result = walkAll(lines, by)
  return result.ok ? `none, sealed to ${result.value.sealed.n} of ${result.value.head.n}` : (result.refusal.detail ?? '')
}

test('a line and a seal, character for character', () => {
  const [line = '', seal = ''] = writeJournal([1])
  assert.equal(line, '{"at":1700000000000,"n":1,"type":"decided","v":1,"what":"é 0"}')
  const start = createHash('sha256').update(`remit journal 1\n${vkey}\n`).digest()
  const hash = createHash('sha256').update(start).update(line).digest('hex')
  const sig = Buffer.from(signer.sign(Buffer.from(`remit journal head 1\ngateway-http\n1\n${hash}\n`))).toString('base64')
  assert.equal(seal, `{"hash":"${hash}","n":2,"sig":"${sig}","type":"seal","upto":1,"v":1}`)
})

test('a journal of several groups is walked to its last seal', () => {
  assert.equal(flaw(writeJournal([3, 1, 0, 2])), 'none, sealed to 10 of 10')
  assert.equal(flaw(writeJournal([3, 1]).slice(0, 5)), 'none, sealed to 4 of 5')
})

const lines = writeJournal([3, 2])
const swap = (text: string, from: string, to: string): string => {
  assert.ok(text.includes(from))
  return text.replace(from, to)
}
const change = (at: number, from: string, to: string): string[] =>
  lines.map((line, place) => (place === at - 1 ? swap(line, from, to) : line))
const other = mustBe(parseVkey(makeVkey('gateway-http', Buffer.from('11'.repeat(32), 'hex'))))

const tampered: readonly (readonly [says: string, lines: readonly string[], want: RegExp])[] = [
  ['a line changed', change(2, 'é 1', 'é 7'), /lines 1 to 3 are not those that line 4 seals/],
  ['a line changed in the second group', change(5, 'é 4', 'é 7'), /lines 5 to 6 are not those that line 7 seals/],
  ['a line removed', lines.toSpliced(1, 1), /line 2 has another number/],
  [
    'a line removed and the others renumbered',
    change(3, '"n":3', '"n":2').toSpliced(1, 1),
    /line 3 is not a seal|line 3 has another number/,
  ],
  ['two lines swapped', [lines[1] ?? '', lines[0] ?? '', ...lines.slice(2)], /line 1 has another number/],
  ['a line twice', lines.toSpliced(1, 0, lines[0] ?? ''), /line 2 has another number/],
  ['a line added', lines.toSpliced(3, 0, writeLine(4, { at: 1, type: 'x' })), /line 5 has another number/],
  ['a seal removed', lines.toSpliced(3, 1), /line 4 has another number/],
  ['a seal with another signature', change(4, '"sig":"', '"sig":"AAAA'), /the seal in line 4 is not signed by the key of gateway-http/],
  [
    'a seal with an instant',
    change(4, '"n":4', '"at":1,"n":4').map((line) => line.replace(/^(\{)("hash":"\w+",)("at":1,)/, '$1$3$2')),
    /line 4 is not a seal/,
  ],
  ['a journal under another key', lines, /lines 1 to 3 are not those that line 4 seals/],
  ['another version', change(1, '"v":1', '"v":2'), /line 1 has a version/],
  ['white space', change(1, ',"n"', ', "n"'), /line 1 is not a canonical/],
  ['no JSON', change(6, '{', ''), /line 6 cannot be read/],
]

for (const [says, changed, want] of tampered) {
  test(`named: ${says}`, () => assert.match(flaw(changed, says.endsWith('another key') ? other : key), want))
}

test('any bit of any sealed line that is flipped is found', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(3), { minLength: 1, maxLength: 3 }), fc.nat(), fc.nat(), (counts, place, bit) => {
      const whole = writeJournal(counts)
      const at = place % whole.length
      const bytes = Buffer.from(whole[at] ?? '')
      const target = Math.floor(bit / 8) % bytes.byteLength
      bytes[target] = (bytes[target] ?? 0) ^ (1 << (bit % 8))
      assert.doesNotMatch(flaw(whole.with(at, bytes.toString())), /^none/)
    }),
    { numRuns: 1000 },
  )
})

test('an entry cannot pose as a seal or choose its number', () => {
  assert.throws(() => writeLine(1, { at: 1, type: 'seal' }))
  assert.throws(() => writeLine(1, { at: 1, type: 'x', n: 5 }))
  assert.throws(() => writeLine(1, { at: 1, type: 'x', v: 5 }))
})

test('a seal is read from its own exact text only', () => {
  const seal = lines[3] ?? ''
  assert.equal(readSeal(seal)?.n, 3)
  for (const text of [seal.slice(1), ` ${seal}`, `${seal}\n`, seal.replace('"upto":3', '"upto":2'), seal.replace('"n":4', '"n":04')])
    assert.equal(readSeal(text), undefined)
})
