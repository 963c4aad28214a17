/** Notes and checkpoints against the texts of other people's tools, and everything they must refuse. */
import assert from 'node:assert/strict'
import { createPrivateKey, type KeyObject } from 'node:crypto'
import test from 'node:test'
import fc from 'fast-check'
import { makeSigner } from '../host/key-files.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { openCheckpoint, parseCheckpoint, signCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { makeVkey, openNote, parseVkey, signNote } from './note.ts'

/** An Ed25519 private key from its 32 byte seed. */
function keyFromSeed(seed: Uint8Array): KeyObject {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), seed])
  return createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' })
}

/** From the documentation of Go's golang.org/x/mod/sumdb/note. */
const peter = {
  vkey: 'PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW',
  seed: Buffer.from('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz', 'base64').subarray(1),
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signature: '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
}
const note = `${peter.text}\n${peter.signature}`
const peterKey = mustBe(parseVkey(peter.vkey))

const log = makeSigner(keyFromSeed(new Uint8Array(32).fill(1)), 'log.example')
const witness = makeSigner(keyFromSeed(new Uint8Array(32).fill(2)), 'witness.example/w1')
const logKey = mustBe(parseVkey(makeVkey(log.name, log.publicKey)))
const witnessKey = mustBe(parseVkey(makeVkey(witness.name, witness.publicKey)))

function refusal(result: Result<unknown>): string {
  return result.ok ? 'accepted' : `${result.refusal.code}: ${result.refusal.detail}`
}

test("Go's example: the same key text, the same note, and it opens", () => {
  const signer = makeSigner(keyFromSeed(peter.seed), 'PeterNeumann')
  assert.equal(makeVkey(signer.name, signer.publicKey), peter.vkey)
  assert.equal(signNote(peter.text, [signer]), note)
  const opened = mustBe(openNote(note, [peterKey]))
  assert.equal(opened.text, peter.text)
  assert.deepEqual(opened.keys, [peterKey])
})

test('the key of sum.golang.org is read', () => {
  assert.equal(mustBe(parseVkey('sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8')).name, 'sum.golang.org')
})

const badKeys: readonly (readonly [says: string, vkey: string])[] = [
  ['nothing', ''],
  ['another hash', peter.vkey.replace('c74f20a3', 'c74f20a4')],
  ['a hash in capitals', peter.vkey.replace('c74f20a3', 'C74F20A3')],
  ['another name', peter.vkey.replace('Peter', 'Paul')],
  ['another algorithm', peter.vkey.replace('+AR', '+Ah')],
  ['a short key', peter.vkey.slice(0, -4)],
  ['base64 without padding rules', `${peter.vkey}=`],
  ['a name with a space', peter.vkey.replace('Peter', 'Peter ')],
]
for (const [says, vkey] of badKeys) test(`no key: ${says}`, () => assert.match(refusal(parseVkey(vkey)), /^ledger.malformed/))

test('signatures by keys that were not given are named, not believed', () => {
  const both = signNote(peter.text, [log, witness])
  assert.deepEqual(mustBe(openNote(both, [logKey])).unknown, ['witness.example/w1'])
  assert.deepEqual(mustBe(openNote(both, [witnessKey, logKey])).keys, [logKey, witnessKey])
  assert.match(refusal(openNote(both, [peterKey])), /unverified: signed by none/)
})

const badNotes: readonly (readonly [says: string, note: string, want: RegExp])[] = [
  ['another text', note.replace('think', 'know'), /unverified: the signature of PeterNeumann does not fit/],
  ['no signature', `${peter.text}\n`, /malformed/],
  ['no text', peter.signature, /malformed/],
  ['no empty line', peter.text + peter.signature, /malformed/],
  ['no line feed at the end', note.slice(0, -1), /malformed: the note does not end/],
  ['a control character in the text', note.replace('you', 'y\u0007u'), /malformed/],
  ['carriage returns', note.replaceAll('\n', '\r\n'), /malformed/],
  ['a hyphen for the dash', note.replace('—', '-'), /malformed/],
  ['one signature twice', note + peter.signature, /signed twice/],
  ['base64 with spare bits', note.replace('JnAM=', 'JnAN='), /cannot be read/],
  ['a hundred and one signatures', `${peter.text}\n${peter.signature.repeat(101)}`, /more than 100/],
  ['a text after the signatures', `${note}more\n`, /cannot be read/],
]
for (const [says, text, want] of badNotes) test(`no note: ${says}`, () => assert.match(refusal(openNote(text, [peterKey])), want))

test('a note with any one byte changed does not open', () => {
  const bytes = Buffer.from(note)
  for (const [at, byte] of bytes.entries()) {
    for (let bit = 0; bit < 8; bit += 1) {
      const changed = Buffer.from(bytes)
      changed[at] = byte ^ (1 << bit)
      assert.notEqual(refusal(openNote(changed.toString(), [peterKey])), 'accepted', `bit ${bit} of byte ${at}`)
    }
  }
})

test('a text that no note may hold is a bug', () => {
  assert.throws(() => signNote('no line feed', [log]))
  assert.throws(() => signNote('tab\t\n', [log]))
  assert.throws(() => signNote('text\n', []))
  assert.throws(() => makeVkey('a b', log.publicKey))
  assert.throws(() => makeVkey('a+b', log.publicKey))
})

const root = new Uint8Array(32).fill(9)

test('a checkpoint, line by line', () => {
  const text = writeCheckpoint({ origin: 'log.example', size: 20_852_163, root })
  assert.equal(text, 'log.example\n20852163\nCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQk=\n')
  const signed = signCheckpoint({ origin: 'log.example', size: 20_852_163, root }, [log, witness])
  const opened = mustBe(openCheckpoint(signed, 'log.example', [logKey]))
  assert.equal(opened.size, 20_852_163)
  assert.deepEqual(new Uint8Array(opened.root), root)
})

test('a checkpoint must be signed by the log it names', () => {
  const byWitness = signCheckpoint({ origin: 'log.example', size: 1, root }, [witness])
  assert.match(refusal(openCheckpoint(byWitness, 'log.example', [logKey, witnessKey])), /unverified: the log itself/)
  const ofAnother = signCheckpoint({ origin: 'other.example', size: 1, root }, [log])
  assert.match(refusal(openCheckpoint(ofAnother, 'log.example', [logKey])), /unverified: the checkpoint of another log/)
})

const good = writeCheckpoint({ origin: 'log.example', size: 10, root })
const badCheckpoints: readonly (readonly [says: string, text: string])[] = [
  ['nothing', ''],
  ['an extension line', `${good}extension\n`],
  ['a leading zero', good.replace('10', '010')],
  ['a sign', good.replace('10', '+10')],
  ['a negative size', good.replace('10', '-1')],
  ['a size that a float cannot hold', good.replace('10', '9007199254740993')],
  ['an exponent', good.replace('10', '1e1')],
  ['a short root', good.replace('CQkJ', '')],
  ['no line feed at the end', good.slice(0, -1)],
  ['no origin', good.replace('log.example', '')],
]
for (const [says, text] of badCheckpoints)
  test(`no checkpoint: ${says}`, () => assert.match(refusal(parseCheckpoint(text)), /^ledger.malformed/))

test('every checkpoint is read back', () => {
  fc.assert(
    fc.property(fc.maxSafeNat(), fc.uint8Array({ minLength: 32, maxLength: 32 }), (size, hash) => {
      const read = mustBe(parseCheckpoint(writeCheckpoint({ origin: 'o', size, root: hash })))
      assert.equal(read.size, size)
      assert.deepEqual(new Uint8Array(read.root), new Uint8Array(hash))
    }),
  )
})
