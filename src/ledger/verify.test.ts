/** The failure table of the ledger: each kind of tampering with an export is found and named, and no flipped bit passes. */
import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { canonicalJson } from '../kernel/json.ts'
import { writeExportLine } from './export-format.ts'
import type { NoteSigner } from './note.ts'
import { type ExportReport, verifyExport } from './verify.ts'
import {
  anchor,
  type Entry,
  exportOf,
  gateway,
  journalOf,
  log,
  type Shape,
  signatureLine,
  signerOf,
  stranger,
  vkeyOf,
  witness,
} from '../../test/world/sample-export.ts'

const { lines: journal, heads: seals } = journalOf([2, 1, 3])
const anchors = seals.map(anchor)
const entries: readonly Entry[] = [
  { kind: 'grant.requested', facts: { scope: 'shop' } },
  { kind: 'grant.approved', facts: { by: ['ada'] } },
  ...anchors.slice(0, 2),
  { kind: 'person.left', facts: { name: 'Ada' } },
  { kind: 'ledger.body-erased', facts: { leaf: 4 } },
  ...anchors.slice(2),
]
const whole: Shape = { entries, journal, heads: [2, 4, 7], erased: [4] }
const good = exportOf(whole)
/** Header, leaves 0 and 1, a checkpoint, leaves 2 and 3, a checkpoint, leaves 4 to 6, a checkpoint, the journal. */
const [headerAt, leaf0At, checkpoint2At, checkpoint7At, journalAt] = [0, 1, 3, 10, 11]

const describe = (report: ExportReport): string => report.failures.map(({ where, what }) => `${where}: ${what}`).join('\n')

test('a sound export passes, and the report says what was checked', async () => {
  const report = await verifyExport(good, [vkeyOf(log), vkeyOf(witness)])
  assert.equal(describe(report), '')
  const { root: _, ...counts } = report
  assert.deepEqual(counts, {
    ok: true,
    origin: 'remit.example/main',
    keyGiven: true,
    witnesses: [{ name: 'witness.example', keyGiven: true, heads: 3, size: 7 }],
    leaves: 7,
    bodies: 6,
    erased: 1,
    withheld: 0,
    checkpoints: 3,
    size: 7,
    journals: [{ name: 'gateway-http', lines: 9, seals: 3, anchors: 3, anchoredTo: 9, prunedTo: 0 }],
    elsewhere: [],
    failures: [],
  })
  assert.equal((await verifyExport(good)).keyGiven, false)
})

type Edit = (object: Record<string, unknown>) => void

/** The export with one line edited as JSON, and written again as such lines are written. */
function edit(at: number, change: Edit): string[] {
  const object: Record<string, unknown> = JSON.parse(good[at] ?? '')
  change(object)
  return good.with(at, canonicalJson(object))
}

const inLeaf =
  (change: Edit): Edit =>
  ({ leaf }) =>
    change(leaf as Record<string, unknown>)
/** The newest head, as somebody keeps it. */
const lastHead = (lines: readonly string[]): string => {
  const note: unknown = JSON.parse(lines[checkpoint7At] ?? '').checkpoint
  return typeof note === 'string' ? note : assert.fail()
}

test('a head that the verifier kept is one that the log went through, or that is told', async () => {
  assert.equal(describe(await verifyExport(good, [vkeyOf(log)], [lastHead(good)])), '')
  const shorter = exportOf({ ...whole, entries: entries.slice(0, 6), heads: [2, 4, 6], journal: journal.slice(0, 5) })
  assert.match(
    describe(await verifyExport(shorter, [vkeyOf(log)], [lastHead(good)])),
    /end: it ends before the head of size 7 that you hold/,
  )
  const other = exportOf({ ...whole, entries: entries.with(0, { kind: 'grant.denied', facts: {} }) })
  assert.equal(describe(await verifyExport(other, [vkeyOf(log)])), '')
  assert.match(describe(await verifyExport(other, [vkeyOf(log)], [lastHead(good)])), /leaf 6: the first 7 leaves are not those of the head/)
  const foreign = lastHead(exportOf({ ...whole, signers: [stranger] }))
  assert.match(describe(await verifyExport(good, [vkeyOf(log)], [foreign])), /a head that you hold: signed by none of the known keys/)
})

test('a witness whose word is wanted must have cosigned; one that the export names itself is only told of', async () => {
  const alone = exportOf({ ...whole, signers: [log] })
  assert.equal(describe(await verifyExport(alone, [vkeyOf(log)])), '')
  assert.match(describe(await verifyExport(alone, [vkeyOf(log), vkeyOf(witness)])), /no head is cosigned by witness.example/)
  const told = await verifyExport(good, [vkeyOf(log)])
  assert.deepEqual(told.witnesses, [{ name: 'witness.example', keyGiven: false, heads: 3, size: 7 }])
})

test('a log that began another epoch is verified through both names of its one key, and never back', async () => {
  const later: NoteSigner = { ...log, name: `${log.name}/epoch-2`, sign: (message) => log.sign(message) }
  const headBy = (signer: NoteSigner, lines: readonly string[], at: number) => {
    const old: unknown = JSON.parse(lines[at] ?? '').checkpoint
    const [, size = '', root = ''] = typeof old === 'string' ? old.split('\n') : []
    const text = `${signer.name}\n${size}\n${root}\n`
    return writeExportLine({ is: 'checkpoint', note: `${text}\n${signatureLine(text, signer)}` })
  }
  const own = exportOf({ ...whole, signers: [log] })
  const header = (own[headerAt] ?? '').replaceAll(`"${log.name}"`, `"${later.name}"`).replace(vkeyOf(log), vkeyOf(later))
  const epochs = own.with(headerAt, header).with(checkpoint7At, headBy(later, own, checkpoint7At))
  assert.equal(describe(await verifyExport(epochs, [vkeyOf(later)])), '')
  assert.equal(describe(await verifyExport(epochs, [vkeyOf(log)])), '')
  const kept: unknown = JSON.parse(own[checkpoint2At] ?? '').checkpoint
  assert.equal(describe(await verifyExport(epochs, [], [typeof kept === 'string' ? kept : ''])), '')
  const back = epochs.with(checkpoint2At, headBy(later, own, checkpoint2At))
  assert.match(describe(await verifyExport(back)), /a head of an earlier epoch stands behind one of a later/)
  const foreign = epochs.with(
    checkpoint2At,
    headBy({ ...stranger, name: log.name, sign: (message) => stranger.sign(message) }, own, checkpoint2At),
  )
  assert.match(describe(await verifyExport(foreign)), /signed by none of the known keys/)
})

test('a body that is gone is withheld only where an entry that erased it may be withheld as well', async () => {
  const gone = exportOf({ ...whole, erased: [1, 4] })
  assert.match(describe(await verifyExport(gone)), /the body of leaf 1 is missing/)
  const ofSpace = gone.with(headerAt, line(headerAt).replace('"vkeys"', '"space":"main","vkeys"'))
  const withheld = (at: number) =>
    canonicalJson({ leaf: { ...JSON.parse(ofSpace[at] ?? '').leaf, body: undefined, salt: undefined, withheld: true } })
  const report = await verifyExport(ofSpace.with(9, withheld(9)))
  assert.deepEqual([report.erased, report.withheld], [1, 2])
  assert.doesNotMatch(describe(report), /leaf 1 is missing/)
})

const checkpoints = good.filter((line) => line.startsWith('{"checkpoint"'))
const line = (at: number): string => good[at] ?? assert.fail()

const tampering: readonly (readonly [says: string, lines: readonly string[], want: RegExp, vkeys?: readonly string[]])[] = [
  ['no line at all', [], /^end: there is no header/],
  ['no header', good.slice(1), /^line 1: an export begins with its header/],
  ['two headers', good.toSpliced(1, 0, line(headerAt)), /^line 2: a second header/],
  ['another format', good.with(0, line(0).replace('export-1', 'export-2')), /^line 1: the line is not one of this format/],
  ['an unknown member', edit(leaf0At, (object) => (object.more = 1)), /^line 2: the line is not one of this format/],
  ['white space in a line', good.with(2, ` ${line(2)}`), /^line 3: the line is not one of this format/],
  ['a line that is no JSON', good.with(2, line(2).slice(1)), /^line 3: the line cannot be read/],
  ['another origin', edit(headerAt, (header) => (header.origin = 'other.example')), /header: the first key is not that of the log/],
  [
    'the log under another key',
    edit(headerAt, (header) => (header.vkeys = [vkeyOf(stranger), vkeyOf(witness)])),
    /checkpoint: the log itself has not signed/,
  ],
  [
    'a log the verifier does not trust',
    good,
    /header: the key remit.example\/main\S+ is not among those you trust/,
    [vkeyOf(stranger), vkeyOf(witness)],
  ],
  [
    'signatures of a key that is not given',
    edit(headerAt, (header) => (header.vkeys = [vkeyOf(log)])),
    /checkpoint of size 2: signed by witness.example, whose key/,
  ],
  ['a leaf removed', good.toSpliced(2, 1), /line 4, leaf 2: leaf 1 should stand here/],
  [
    'a leaf removed and the others renumbered',
    exportOf({ ...whole, entries: entries.toSpliced(1, 1) }).with(2, checkpoints[0] ?? ''),
    /checkpoint of size 2: it stands behind 1 leaves/,
  ],
  ['two leaves swapped', good.with(1, line(2)).with(2, line(1)), /line 2, leaf 1: leaf 0 should stand here/],
  [
    'a leaf added at the end',
    good.toSpliced(journalAt, 0, line(9).replace('"index":6', '"index":7')),
    /end: leaves 7 to 7 are under no checkpoint/,
  ],
  ['the last leaf removed', good.toSpliced(9, 1), /checkpoint of size 7: it stands behind 6 leaves/],
  [
    'another body',
    edit(
      leaf0At,
      inLeaf((leaf) => ((leaf.body as Record<string, unknown>).actor = 'eve')),
    ),
    /line 2, leaf 0: the body is not the one/,
  ],
  [
    'another salt',
    edit(
      leaf0At,
      inLeaf((leaf) => (leaf.salt = Buffer.alloc(32).toString('base64'))),
    ),
    /line 2, leaf 0: the body is not the one/,
  ],
  [
    'another commitment',
    edit(
      7,
      inLeaf((leaf) => (leaf.data = `AQ${'A'.repeat(42)}`)),
    ),
    /line 11, checkpoint of size 7: its root is not that of the leaves/,
  ],
  [
    'another body under its own commitment',
    exportOf({ ...whole, entries: entries.with(0, { kind: 'grant.denied', facts: {} }) }).with(checkpoint2At, line(checkpoint2At)),
    /checkpoint of size 2: its root/,
  ],
  [
    'a leaf of another version',
    edit(
      leaf0At,
      inLeaf((leaf) => (leaf.data = `Ag${String(leaf.data).slice(2)}`)),
    ),
    /leaf 0: a leaf of a version/,
  ],
  [
    'a body taken away',
    edit(
      leaf0At,
      inLeaf((leaf) => [delete leaf.body, delete leaf.salt]),
    ),
    /end: the body of leaf 0 is missing and no entry says/,
  ],
  [
    'a body called another space’s, in an export that is not of one space',
    edit(
      leaf0At,
      inLeaf((leaf) => [delete leaf.body, delete leaf.salt, (leaf.withheld = true)]),
    ),
    /end: the body of leaf 0 is missing and no entry says/,
  ],
  [
    'the anchor of a cut tail taken away with it',
    edit(
      9,
      inLeaf((leaf) => [delete leaf.body, delete leaf.salt]),
    ).slice(0, -4),
    /the body of leaf 6 is missing/,
  ],
  [
    'an erasure of what comes later',
    exportOf({ ...whole, entries: entries.with(5, { kind: 'ledger.body-erased', facts: { leaf: 9 } }) }),
    /leaf 5: an erasure that names no earlier leaf/,
  ],
  [
    'a checkpoint of another tree',
    good.with(checkpoint7At, exportOf({ ...whole, entries: entries.with(0, { kind: 'x', facts: {} }) })[checkpoint7At] ?? ''),
    /checkpoint of size 7: its root/,
  ],
  [
    'an older checkpoint of another tree',
    good.with(checkpoint2At, exportOf({ ...whole, entries: entries.with(0, { kind: 'x', facts: {} }) })[checkpoint2At] ?? ''),
    /line 4, checkpoint of size 2: its root/,
  ],
  [
    'a checkpoint by a stranger',
    good.with(checkpoint7At, exportOf({ ...whole, signers: [stranger] })[checkpoint7At] ?? ''),
    /checkpoint: signed by none/,
  ],
  [
    'a checkpoint by the witness alone',
    good.with(checkpoint7At, exportOf({ ...whole, signers: [witness] })[checkpoint7At] ?? ''),
    /checkpoint: the log itself has not signed/,
  ],
  [
    'a checkpoint moved',
    good.toSpliced(checkpoint2At, 1).toSpliced(4, 0, line(checkpoint2At)),
    /checkpoint of size 2: it stands behind 3 leaves/,
  ],
  ['the last checkpoint removed', good.toSpliced(checkpoint7At, 1), /end: leaves 4 to 6 are under no checkpoint/],
  ['all checkpoints removed', good.filter((text) => !checkpoints.includes(text)), /end: there is no checkpoint/],
  [
    'an instant that goes back',
    exportOf({ ...whole, entries: entries.with(1, { kind: 'x', facts: {}, at: 1 } as Entry) }),
    /leaf 1: its instant lies before/,
  ],
  ['a leaf after the journals', [...good, line(9).replace('"index":6', '"index":7')], /leaf 7: a leaf after the journals/],
  [
    'a journal line changed',
    good.with(journalAt, line(journalAt).replace('GET', 'PUT')),
    /line 14, journal gateway-http: lines 1 to 2 are not those that line 3 seals/,
  ],
  ['a journal line removed', good.toSpliced(journalAt + 1, 1), /line 13, journal gateway-http: line 2 has another number/],
  [
    'journal lines swapped',
    good.with(journalAt, line(journalAt + 1)).with(journalAt + 1, line(journalAt)),
    /journal gateway-http: line 1 has another number/,
  ],
  ['a journal cut within a group', good.slice(0, -2), /end, journal gateway-http: lines 6 to 7 are under no seal\n.*leaf 6 anchors line 9/],
  ['a journal cut behind a seal', good.slice(0, -4), /end, journal gateway-http: it ends at line 5, but leaf 6 anchors line 9/],
  ['no journal lines at all', good.slice(0, journalAt), /journal gateway-http: it ends at line 0, but leaf 2 anchors line 3/],
  [
    'a journal written again by its own gateway',
    exportOf({ ...whole, journal: journalOf([2, 2, 2]).lines }),
    /line 5 is not what leaf 3 anchors/,
  ],
  [
    'an anchor within a group that the journal lacks',
    exportOf({ ...whole, entries: entries.with(0, anchor({ n: 2, hash: Buffer.alloc(32) })) }),
    /line 2 is not what leaf 0 anchors/,
  ],
  [
    'an anchor that cannot be read',
    exportOf({ ...whole, entries: entries.with(0, { kind: 'journal.anchored', facts: { journal: 'gateway-http' } }) }),
    /leaf 0: an anchor that cannot be read/,
  ],
  [
    'a journal that is not in the header',
    edit(headerAt, (header) => (header.journals = [])),
    /leaf 2: it anchors the journal gateway-http, which is not/,
  ],
  [
    'a journal under the name of another',
    edit(headerAt, (header) => (header.journals = [{ name: 'gateway-x', vkey: vkeyOf(gateway) }])),
    /the journal gateway-x has the key of another/,
  ],
  [
    'a journal under another key',
    edit(headerAt, (header) => (header.journals = [{ name: 'gateway-http', vkey: vkeyOf(signerOf('gateway-http', 9)) }])),
    /lines 1 to 2 are not those/,
  ],
]

for (const [says, lines, want, vkeys] of tampering) {
  test(`found and named: ${says}`, async () => {
    const report = await verifyExport(lines, vkeys)
    assert.equal(report.ok, false)
    assert.match(describe(report), want)
  })
}

test('any bit that is flipped anywhere in an export is found', async () => {
  const bytes = Buffer.from(`${good.join('\n')}\n`)
  const flip = async (at: number, bit: number): Promise<void> => {
    const changed = Buffer.from(bytes)
    changed[at] = (changed[at] ?? 0) ^ (1 << bit)
    const lines = changed.toString().split('\n')
    if (lines.at(-1) === '') lines.pop()
    assert.equal((await verifyExport(lines)).ok, false, `bit ${bit} of byte ${at}`)
  }
  await fc.assert(fc.asyncProperty(fc.nat(bytes.byteLength - 1), fc.nat(7), flip), { numRuns: 3000 })
})

test('what is listed of failures is bounded', async () => {
  const report = await verifyExport(Array.from({ length: 1000 }, () => '{}'))
  assert.equal(report.failures.length, 100)
})

const prunedTo = (line: number, hash?: string): Entry => {
  const head = [...seals].find(({ n }) => n === line) ?? assert.fail()
  return {
    kind: 'journal.pruned',
    facts: { journal: 'gateway-http', from: 1, n: line, hash: hash ?? Buffer.from(head.hash).toString('hex') },
  }
}
const [end1, end2] = [seals[0]?.n ?? 0, seals[1]?.n ?? 0]

const prunings: readonly { says: string; entries: readonly Entry[]; journal: readonly string[]; want: RegExp }[] = [
  { says: 'as the ledger says', entries: [...anchors, prunedTo(end1)], journal: journal.slice(end1), want: /^$/ },
  { says: 'in two goes', entries: [...anchors, prunedTo(end1), prunedTo(end2)], journal: journal.slice(end2), want: /^$/ },
  { says: 'that the ledger says, and are there', entries: [...anchors, prunedTo(end1)], journal, want: /^$/ },
  { says: 'of which the ledger says nothing', entries: anchors, journal: journal.slice(end1), want: /line 1 has another number/ },
  {
    says: 'more than the ledger says',
    entries: [...anchors, prunedTo(end1)],
    journal: journal.slice(end2),
    want: /line 1 has another number/,
  },
  {
    says: 'with another hash',
    entries: [...anchors, prunedTo(end1, 'ab'.repeat(32))],
    journal: journal.slice(end1),
    want: /line \d+ is not what leaf 0 anchors[^]*lines 4 to 5 are not those that line 6 seals|line 3 is not what leaf 0 anchors/,
  },
  {
    says: 'that no leaf before had vouched for',
    entries: [prunedTo(end1), ...anchors],
    journal: journal.slice(end1),
    want: /which no leaf before it anchors/,
  },
]

for (const { says, entries: told, journal: left, want } of prunings) {
  test(`lines that were taken away ${says}`, async () => {
    const report = await verifyExport(exportOf({ entries: told, journal: left, heads: [told.length] }), [vkeyOf(log), vkeyOf(witness)])
    assert.match(describe(report), want)
    assert.equal(report.ok, want.source === '^$')
  })
}
