/** One entry's proof: it verifies for whoever has the key, with or without its body, and any change to it is found. */
import assert from 'node:assert/strict'
import { createPrivateKey } from 'node:crypto'
import test from 'node:test'
import { makeSigner } from '../host/key-files.ts'
import { mustBe } from '../kernel/result.ts'
import type { JsonObject } from '../kernel/json.ts'
import { signCheckpoint } from './checkpoint.ts'
import { commit, writeBody } from './leaf.ts'
import { cosignatureLine, makeVkey } from './note.ts'
import { parseProof, verifyProof, writeProof } from './proof-file.ts'
import { appendLeaf, emptyFrontier, frontierRoot, type Hash, inclusionProof, leafHash } from './tree.ts'

function signerOf(name: string, seed: number): ReturnType<typeof makeSigner> {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), name)
}

const log = signerOf('log.example', 1)
const witness = signerOf('witness.example/w1', 3)
const logKey = makeVkey(log.name, log.publicKey)
const witnessKey = makeVkey(witness.name, witness.publicKey, 'cosigns')
const salt = Buffer.alloc(32, 7)
const bodyOf = (index: number) => ({ at: index, kind: 'tried', space: 'main', actor: 'ana', subject: `s${index}`, facts: {} })
const nodes = new Map<string, Hash>()
const leaves = Array.from({ length: 11 }, (_, index) => commit(writeBody(bodyOf(index)), salt))
let frontier = emptyFrontier
for (const leaf of leaves) frontier = appendLeaf(frontier, leafHash(leaf), (level, index, hash) => nodes.set(`${level}/${index}`, hash))
const root = frontierRoot(frontier)
const signed = signCheckpoint({ origin: log.name, size: 11, root }, [log])
const cosigned = `${signed}${cosignatureLine(signed.slice(0, signed.indexOf('\n\n') + 1), witness, 1_700_000_000)}`

function proofOf(index: number, checkpoint = cosigned, isErased = false): string {
  const body = JSON.parse(writeBody(bodyOf(index))) as JsonObject
  const data = leaves[index] ?? assert.fail()
  const path = inclusionProof((level, place) => nodes.get(`${level}/${place}`) ?? assert.fail(), index, 11)
  return writeProof({ leaf: isErased ? { index, data } : { index, data, body, salt }, path, checkpoint })
}

test('every leaf is proved, with the keys of the log and of a witness', () => {
  for (let index = 0; index < 11; index += 1) {
    const report = verifyProof(proofOf(index), [logKey, witnessKey])
    assert.deepEqual(report.failures, [])
    assert.deepEqual([report.ok, report.index, report.size, report.origin], [true, index, 11, log.name])
    assert.deepEqual([report.body?.['subject'], report.cosignedBy, report.unknown], [`s${index}`, [witness.name], []])
  }
})

test('without its body the leaf is proved all the same', () => {
  const report = verifyProof(proofOf(3, cosigned, true), [logKey])
  assert.deepEqual([report.ok, report.body, report.unknown], [true, undefined, [witness.name]])
})

test('a witness that is wanted and has not cosigned is missed', () => {
  assert.deepEqual(verifyProof(proofOf(3, signed), [logKey, witnessKey]).failures, [`${witness.name} has not cosigned this head`])
})

test('it needs the key of the log', () => {
  assert.match(verifyProof(proofOf(3), [witnessKey]).failures.join(), /the key of the log is not given/)
  assert.match(verifyProof(proofOf(3), ['x']).failures.join(), /key/)
})

test('any character that is changed is found', () => {
  const proof = proofOf(3)
  assert.equal(writeProof(mustBe(parseProof(proof))), proof)
  for (let place = 0; place < proof.length; place += 1) {
    const other = proof[place] === 'B' ? 'C' : 'B'
    const changed = `${proof.slice(0, place)}${other}${proof.slice(place + 1)}`
    assert.equal(verifyProof(changed, [logKey, witnessKey]).ok, false, `at ${place}: ${proof.slice(Math.max(0, place - 10), place + 10)}`)
  }
})
