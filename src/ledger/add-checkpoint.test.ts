/** A witness's judgement as a table: the heads of two logs that share a beginning and then part. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import test from 'node:test'
import { makeSigner } from '../host/key-files.ts'
import { mustBe } from '../kernel/result.ts'
import {
  type AddCheckpoint,
  judgeCheckpoint,
  nothingSeen,
  parseAddCheckpoint,
  type SeenHead,
  writeAddCheckpoint,
} from './add-checkpoint.ts'
import { openCheckpoint, signCheckpoint, writeCheckpoint } from './checkpoint.ts'
import { addSignature, cosignatureLine, makeVkey, openNote, parseVkey } from './note.ts'
import { appendLeaf, consistencyProof, emptyFrontier, frontierRoot, type Hash, leafHash } from './tree.ts'

function signerOf(name: string, seed: number): ReturnType<typeof makeSigner> {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), name)
}

const log = signerOf('log.example', 1)
const stranger = signerOf('log.example', 2)
const witness = signerOf('witness.example/w1', 3)
const logKey = mustBe(parseVkey(makeVkey(log.name, log.publicKey)))
const witnessKey = mustBe(parseVkey(makeVkey(witness.name, witness.publicKey, 'cosigns')))

interface Grown {
  readonly roots: readonly Hash[]
  readonly read: (level: number, index: number) => Hash
}

function grow(words: readonly string[]): Grown {
  const nodes = new Map<string, Hash>()
  const roots = [frontierRoot(emptyFrontier)]
  let frontier = emptyFrontier
  for (const word of words) {
    frontier = appendLeaf(frontier, leafHash(Buffer.from(word)), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
    roots.push(frontierRoot(frontier))
  }
  return { roots, read: (level, index) => nodes.get(`${level}/${index}`) ?? assert.fail() }
}

const words = ['one', 'two', 'three', 'four', 'five', 'six', 'seven']
const honest = grow(words)
const forked = grow(words.map((word, place) => (place < 3 ? word : `${word}!`)))

const head = (of: Grown, size: number): SeenHead => ({ size, root: of.roots[size] ?? assert.fail() })
const note = (of: Grown, size: number, signer = log): string => signCheckpoint({ origin: log.name, ...head(of, size) }, [signer])
const request = (of: Grown, old: number, size: number, more: Partial<AddCheckpoint> = {}): AddCheckpoint => ({
  old,
  proof: old <= size ? consistencyProof(of.read, old, size) : [],
  note: note(of, size),
  ...more,
})

const cases: readonly (readonly [says: string, seen: SeenHead, request: AddCheckpoint, status: number, size?: number])[] = [
  ['the first head', nothingSeen, request(honest, 0, 5), 200],
  ['a later head', head(honest, 3), request(honest, 3, 7), 200],
  ['the same head again', head(honest, 5), request(honest, 5, 5), 200],
  ['another old size: its own is told', head(honest, 5), request(honest, 3, 7), 409, 5],
  ['nothing known of the witness: its size is told', head(honest, 5), request(honest, 0, 7), 409, 5],
  ['an older head', head(honest, 5), request(honest, 3, 4), 409, 5],
  ['a head before the one it has, old size and all', head(honest, 5), request(honest, 5, 4), 400],
  ['the same size with another root', head(honest, 5), request(forked, 5, 5), 409, 5],
  ['a log that parted', head(honest, 5), request(forked, 5, 7), 422],
  ['no proof', head(honest, 5), request(honest, 5, 7, { proof: [] }), 422],
  ['a proof of something else', head(honest, 5), request(honest, 5, 7, { proof: consistencyProof(honest.read, 4, 7) }), 422],
  ['a proof from nothing', nothingSeen, request(honest, 0, 7, { proof: consistencyProof(honest.read, 4, 7) }), 422],
  ['signed by somebody else', nothingSeen, request(honest, 0, 5, { note: note(honest, 5, stranger) }), 403],
  ['another log', nothingSeen, request(honest, 0, 5, { note: note(honest, 5).replaceAll('log.example', 'other.example') }), 404],
  ['no checkpoint', nothingSeen, request(honest, 0, 5, { note: 'hello\n' }), 400],
]
for (const [says, seen, asked, status, size] of cases)
  test(`a witness answers ${status}: ${says}`, () => {
    const judged = judgeCheckpoint(asked, seen, [logKey])
    assert.equal(judged.status, status, JSON.stringify(judged))
    if (judged.status === 409) assert.equal(judged.size, size)
    if (judged.status === 200) assert.equal(judged.text, writeCheckpoint(mustBe(openCheckpoint(asked.note, log.name, [logKey]))))
  })

test('a request is read as it was written', () => {
  for (const [, , asked] of cases)
    assert.equal(writeAddCheckpoint(mustBe(parseAddCheckpoint(writeAddCheckpoint(asked)))), writeAddCheckpoint(asked))
  const asked = writeAddCheckpoint(request(honest, 3, 7))
  for (const broken of [
    '',
    asked.replace('old 3', 'old 03'),
    asked.replace('old 3', 'old -3'),
    asked.replace('old 3', 'new 3'),
    asked.replace('old 3\n', `old 3\n${'AAAA\n'}`),
    asked.replace('old 3\n', `old 3\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}`),
  ])
    assert.equal(parseAddCheckpoint(broken).ok, false, broken)
})

/** The example of the specification, whose keys nobody has: its time can be read in it, and it is that of 17 March 2023. */
test('a cosignature is written, moved under the note and checked there; any change of text, time or key is found', () => {
  const text = writeCheckpoint({ origin: log.name, ...head(honest, 5) })
  const line = cosignatureLine(text, witness, 1_679_315_147)
  assert.match(line, /^— witness\.example\/w1 \S+\n$/)
  const bytes = Buffer.from(line.trimEnd().split(' ')[2] ?? '', 'base64')
  assert.equal(bytes.byteLength, 4 + 8 + 64)
  assert.equal(bytes.readBigUInt64BE(4), 1_679_315_147n)
  const cosigned = mustBe(addSignature(note(honest, 5), line, witnessKey))
  const opened = mustBe(openCheckpoint(cosigned, log.name, [logKey, witnessKey]))
  assert.deepEqual(opened.keys, [logKey, witnessKey])
  assert.equal(mustBe(addSignature(cosigned, line, witnessKey)), cosigned)
  assert.deepEqual(mustBe(openCheckpoint(cosigned, log.name, [logKey])).unknown, [witness.name])
  bytes.writeUInt8(bytes.readUInt8(11) ^ 1, 11)
  assert.equal(addSignature(note(honest, 5), `— ${witness.name} ${bytes.toString('base64')}\n`, witnessKey).ok, false)
  assert.equal(addSignature(note(honest, 6), line, witnessKey).ok, false)
  assert.equal(addSignature(note(honest, 5), note(honest, 5).split('\n\n')[1] ?? '', witnessKey).ok, false)
  // Signed plainly with the same key, as a log would: no witness's word.
  const asLog = mustBe(parseVkey(makeVkey(witness.name, witness.publicKey)))
  assert.equal(openNote(cosigned, [asLog]).ok, false)
})

test('a witness is no log: its signature alone opens no checkpoint', () => {
  const text = writeCheckpoint({ origin: witness.name, ...head(honest, 5) })
  const alone = `${text}\n${cosignatureLine(text, witness, 1)}`
  assert.equal(openCheckpoint(alone, witness.name, [witnessKey]).ok, false)
})
