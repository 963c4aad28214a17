/** Journals that an export anchors and does not have: which of them are vouched for, and how they are checked where they are kept. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { journalsElsewhere, named } from '../../test/world/journals-elsewhere.ts'
import { anchor, exportOf, journalOf, log, vkeyOf } from '../../test/world/sample-export.ts'
import { type ExportReport, verifyExport } from './verify.ts'

const { lines: journal, heads } = journalOf([2, 1, 3])
const describe = (report: ExportReport): string => report.failures.map(({ where, what }) => `${where}: ${what}`).join('\n')

for (const { says, lines, want, elsewhere = [] } of journalsElsewhere)
  test(`a journal elsewhere: ${says}`, async () => {
    const report = await verifyExport(lines, [vkeyOf(log)])
    if (want === undefined) assert.equal(describe(report), '')
    else assert.match(describe(report), want.here)
    if (want === undefined) assert.deepEqual(report.elsewhere, elsewhere)
  })

const enrolledGateway = [named, ...heads.map(anchor)]
const [begin, middle] = [journal.slice(0, 3), journal.slice(3)]
const besides: readonly (readonly [says: string, lines: readonly (readonly string[])[], want?: RegExp])[] = [
  ['as it was kept', [journal]],
  ['with lines that the ledger does not anchor yet', [journalOf([2, 1, 3, 1]).lines]],
  [
    'with a line that was changed',
    [journal.with(0, (journal[0] ?? '').replace('GET', 'PUT'))],
    /^kept 0, journal gateway-http: lines 1 to 2 are not/,
  ],
  ['without its first lines, which no entry says were taken away', [middle], /^kept 0, journal gateway-http: line 1 has another number/],
  ['without its last lines', [begin], /end, journal gateway-http: it ends at line 3, but leaf 2 anchors line 5/],
  ['written again by its own gateway', [journalOf([2, 2, 3]).lines], /^kept 0, journal gateway-http: line 5 is not what leaf 2 anchors/],
  ['without any seal', [journal.slice(0, 2)], /^kept 0: sealed by no journal that the ledger names/],
  ['twice', [journal, journal], /^kept 1: sealed by no journal that the ledger names/],
]
for (const [says, beside, want] of besides)
  test(`the journal of a gateway elsewhere, beside the export: ${says}`, async () => {
    const lines = exportOf({ entries: enrolledGateway, journal: [], heads: [4], holds: false })
    const kept = beside.map((each, place) => ({ where: `kept ${place}`, lines: each }))
    const report = await verifyExport(lines, [vkeyOf(log)], [], kept)
    if (want !== undefined) return assert.match(describe(report), want)
    assert.equal(describe(report), '')
    assert.deepEqual(report.elsewhere, [])
    assert.deepEqual(
      report.journals.map(({ name, anchors, anchoredTo }) => [name, anchors, anchoredTo]),
      [['gateway-http', 3, 9]],
    )
  })

test('beside an export, the journal of somebody whom no entry names is nobody’s', async () => {
  const lines = exportOf({ entries: [{ kind: 'told', facts: {} }], journal: [], heads: [1], holds: false })
  assert.match(describe(await verifyExport(lines, [], [], [{ where: 'kept', lines: journal }])), /^kept: sealed by no journal/)
})
