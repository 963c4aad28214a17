/** Exports whose ledger anchors journals that are not in them: which of those two verifiers take, and which none may. */
import type { ElsewhereReport } from '../../src/ledger/verify.ts'
import { anchor, type Entry, exportOf, gateway, journalOf, signerOf, vkeyOf } from './sample-export.ts'

const key = vkeyOf(gateway)
const other = vkeyOf(signerOf('gateway-http', 9))
const { lines: journal, heads } = journalOf([2, 1])
const [first, second] = heads.map((head) => anchor(head))
if (first === undefined || second === undefined) throw new Error('a journal of two groups has two heads')

/** As a gateway elsewhere is named when it enrols. */
export const named: Entry = { kind: 'gateway.enrolled', facts: { journal: key } }
const naming = (vkey: string): Entry => ({ ...first, facts: { ...first.facts, vkey } })
const forged = (name: string): Entry => ({ ...first, facts: { ...first.facts, journal: name } })
const of = (...entries: readonly Entry[]) => exportOf({ entries, journal: [], heads: [entries.length], holds: false })

interface Row {
  readonly says: string
  readonly lines: readonly string[]
  /** What is said of it, here and by the verifier in Go; absent where both take it. */
  readonly want?: { readonly here: RegExp; readonly go: RegExp }
  readonly elsewhere?: readonly ElsewhereReport[]
}

const unnamed = {
  here: /it anchors the journal \S+, which is not in this export and which no entry before it names/,
  go: /that nobody named/,
}
const notItsKey = {
  here: /leaf 0: it names the journal gateway-http with a key that is not its own/,
  go: /named with the key of gateway-http/,
}
const anotherKey = { here: /it names the journal gateway-http with another key than before/, go: /with another key than before/ }
const noKey = { here: /leaf 0: (a key is|the hash in the key is not)/, go: /leaf 0: malformed verifier id|leaf 0: invalid verifier/ }
const vouched = [{ name: 'gateway-http', anchors: 2, anchoredTo: 5 }]

export const journalsElsewhere: readonly Row[] = [
  { says: 'of a gateway that was enrolled before is vouched for', lines: of(named, first, second), elsewhere: vouched },
  { says: 'of a control node that named it with its first anchor', lines: of(naming(key), second), elsewhere: vouched },
  {
    says: 'named again, at the next start',
    lines: of(naming(key), { ...second, facts: { ...second.facts, vkey: key } }),
    elsewhere: vouched,
  },
  { says: 'that nobody named', lines: of(first), want: unnamed },
  { says: 'that is named only afterwards', lines: of(first, named), want: unnamed },
  { says: 'under a forged name', lines: of(named, forged('gateway-htpp')), want: unnamed },
  {
    says: 'that names itself with the key of another',
    lines: of({ ...forged('gateway-x'), facts: { ...naming(key).facts, journal: 'gateway-x' } }),
    want: notItsKey,
  },
  { says: 'that is given another key', lines: of(naming(key), naming(other)), want: anotherKey },
  { says: 'enrolled with another key', lines: of(named, { kind: 'gateway.enrolled', facts: { journal: other } }), want: anotherKey },
  {
    says: 'named by what is no key',
    lines: of({ kind: 'gateway.enrolled', facts: { journal: 'remit.gateway/aa+00000000+AAAA' } }),
    want: noKey,
  },
  { says: 'named by a key with the hash of another', lines: of(naming(key.replace(/\+[0-9a-f]{8}\+/, '+00000000+'))), want: noKey },
  {
    says: 'in the export under another key than the ledger names',
    lines: exportOf({ entries: [naming(other)], journal, heads: [1] }),
    want: { here: anotherKey.here, go: anotherKey.go },
  },
]
