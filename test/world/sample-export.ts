/** Exports as Remit writes them, made from a few words: entries, a journal, heads and who signs them. */
import { createPrivateKey } from 'node:crypto'
import { isJsonObject, type JsonObject, parseJson } from '../../src/kernel/json.ts'
import { makeSigner } from '../../src/host/key-files.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { writeCheckpoint } from '../../src/ledger/checkpoint.ts'
import { writeExportLine } from '../../src/ledger/export-format.ts'
import { chainLine, type Head, startHead, writeLine, writeSeal } from '../../src/ledger/journal-format.ts'
import { commit, writeBody } from '../../src/ledger/leaf.ts'
import { cosignatureLine, makeVkey, type NoteSigner, signNote } from '../../src/ledger/note.ts'
import { appendLeaf, emptyFrontier, frontierRoot, leafHash } from '../../src/ledger/tree.ts'

export function signerOf(name: string, seed: number): NoteSigner {
  const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, seed)])
  return makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), name)
}

export const log = signerOf('remit.example/main', 1)
export const witness = signerOf('witness.example', 2)
export const gateway = signerOf('gateway-http', 3)
export const stranger = signerOf('remit.example/main', 4)
export const vkeyOf = (signer: NoteSigner): string => makeVkey(signer.name, signer.publicKey, signer === witness ? 'cosigns' : 'signs')

export interface Entry {
  readonly kind: string
  readonly facts: JsonObject
}

interface Journal {
  readonly lines: string[]
  head: Head
}

export function journalOf(groups: readonly number[]): { lines: string[]; heads: Head[] } {
  const journal: Journal = { lines: [], head: startHead(vkeyOf(gateway)) }
  const heads: Head[] = []
  const add = (line: string): void => {
    journal.lines.push(line)
    journal.head = chainLine(journal.head, Buffer.from(line))
  }
  for (const count of groups) {
    for (let place = 0; place < count; place += 1)
      add(writeLine(journal.head.n + 1, { at: 1000 + journal.head.n, type: 'decided', action: 'GET /é' }))
    add(writeSeal(journal.head, gateway))
    heads.push(journal.head)
  }
  return { lines: journal.lines, heads }
}

export const anchor = ({ n, hash }: Head): Entry => ({
  kind: 'journal.anchored',
  facts: { journal: 'gateway-http', n, hash: Buffer.from(hash).toString('hex') },
})

export interface Shape {
  readonly entries: readonly Entry[]
  readonly journal: readonly string[]
  /** Sizes at which a checkpoint stands. */
  readonly heads: readonly number[]
  readonly erased?: readonly number[]
  readonly signers?: readonly NoteSigner[]
  /** Whether its header names the journal. */
  readonly holds?: boolean
}

export function signatureLine(text: string, signer: NoteSigner): string {
  return signer === witness ? cosignatureLine(text, witness, 1_700_000_000) : signNote(text, [signer]).slice(text.length + 1)
}

export function exportOf({ entries, journal, heads, erased = [], signers = [log, witness], holds = true }: Shape): string[] {
  const journals = holds ? [{ name: 'gateway-http', vkey: vkeyOf(gateway) }] : []
  const lines = [writeExportLine({ is: 'header', header: { origin: log.name, vkeys: [vkeyOf(log), vkeyOf(witness)], journals } })]
  let frontier = emptyFrontier
  for (const [index, entry] of entries.entries()) {
    const text = writeBody({ at: 5000 + index, space: 'main', actor: 'ada', subject: 'grn_1', ...entry })
    const salt = Buffer.alloc(32, index + 1)
    const data = commit(text, salt)
    frontier = appendLeaf(frontier, leafHash(data))
    const body = mustBe(parseJson(text))
    const leaf = erased.includes(index) || !isJsonObject(body) ? { index, data } : { index, data, body, salt }
    lines.push(writeExportLine({ is: 'leaf', leaf }))
    if (heads.includes(index + 1)) {
      const text = writeCheckpoint({ origin: log.name, size: index + 1, root: frontierRoot(frontier) })
      const note = `${text}\n${signers.map((signer) => signatureLine(text, signer)).join('')}`
      lines.push(writeExportLine({ is: 'checkpoint', note }))
    }
  }
  for (const line of journal) lines.push(writeExportLine({ is: 'journal', journal: 'gateway-http', line }))
  return lines
}
