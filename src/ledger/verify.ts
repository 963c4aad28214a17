/** Checks a whole export as a stranger would: every leaf, body, head, journal line and anchor, each failure named by its place. */
import { canonicalJson } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import { openCheckpoint, type OpenCheckpoint } from './checkpoint.ts'
import { type ExportedLeaf, type ExportHeader, parseExportLine } from './export-format.ts'
import { prunedKind, readSeal, verifySeal } from './journal-format.ts'
import { isLeaf, type LedgerBody, parseBody, verifyBody } from './leaf.ts'
import { claimedOrigin, earlierKeys } from './log-names.ts'
import { kindOfVkey, type NoteKey, parseVkey } from './note.ts'
import { appendLeaf, emptyFrontier, frontierRoot, type Hash, leafHash, sameHash } from './tree.ts'
import { JournalCheck, type JournalReport } from './verify-journal.ts'

/**
 * Ledger entries of this kind tie a journal to the ledger: facts { journal, n, hash (hex) }, and `vkey` in the first of each run of a
 * control node, which names its journal.
 */
export const anchorKind = 'journal.anchored'
/** Names the journal of a gateway elsewhere: facts { journal (vkey) }. */
const enrolledKind = 'gateway.enrolled'

/** Ledger entries of this kind say that a body was erased: facts { leaf, reason }. A body that is gone without one was taken away. */
export const erasureKind = 'ledger.body-erased'

export interface ExportFailure {
  /** The line of the export, and what stands there. */
  readonly where: string
  readonly what: string
}

/** A journal that an earlier entry names, and whose lines are not in the export: they are where its gateway is. */
export interface ElsewhereReport {
  readonly name: string
  readonly anchors: number
  readonly anchoredTo: number
}

/** Lines of a journal that an export anchors and does not have, from where they are kept. */
export interface BesideJournal {
  readonly where: string
  readonly lines: AsyncIterable<string> | Iterable<string>
}

export interface WitnessReport {
  readonly name: string
  /** Whether its key was one the verifier brought. */
  readonly keyGiven: boolean
  /** Heads that it cosigned, and the size of the last of them. */
  readonly heads: number
  readonly size: number
}

export interface ExportReport {
  /** True only if everything was read and nothing failed. */
  readonly ok: boolean
  readonly origin: string
  /** Whether the log's key was one the verifier brought; otherwise the export was only held against the key it names itself. */
  readonly keyGiven: boolean
  readonly witnesses: readonly WitnessReport[]
  readonly leaves: number
  readonly bodies: number
  readonly erased: number
  /** Bodies of other spaces, which this export does not show. */
  readonly withheld: number
  readonly checkpoints: number
  /** Size and root (hex) of the last checkpoint that was good. */
  readonly size: number
  readonly root: string
  /** Those whose lines were read, from the export or from beside it. */
  readonly journals: readonly JournalReport[]
  readonly elsewhere: readonly ElsewhereReport[]
  /** At most 100. */
  readonly failures: readonly ExportFailure[]
}

const failuresMax = 100

/**
 * Verifies an export, line by line, in memory that does not grow with the number of leaves or lines (only of anchors and erasures).
 * `vkeys` are the keys the verifier trusts, of the log and of witnesses; without the log's the export is held against the one in its own
 * header. `heads` are signed heads the verifier kept: each must be one that this log went through. `beside` are journals that it anchors
 * and does not have; whose they are, their seals say. Never refuses: what cannot be read is a failure in the report.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  vkeys: readonly string[] = [],
  heads: readonly string[] = [],
  beside: readonly BesideJournal[] = [],
): Promise<ExportReport> {
  const check = new ExportCheck({ vkeys, heads, beside: beside.length > 0 })
  for await (const line of lines) check.take(line)
  for (const journal of beside) await check.takeBeside(journal)
  return check.report()
}

interface Elsewhere {
  readonly key: NoteKey
  /** Holds its anchors, where a journal is beside. */
  readonly check?: JournalCheck
  anchors: number
  anchoredTo: number
}

interface WitnessCheck {
  readonly key: NoteKey
  readonly keyGiven: boolean
  heads: number
  size: number
}

interface KeptHead {
  readonly size: number
  readonly root: Hash
}

class ExportCheck {
  readonly #given: readonly string[]
  readonly #heads: readonly string[]
  readonly #witnesses: WitnessCheck[] = []
  #kept: KeptHead[] = []
  #lastWithheld = -1
  #earlier: readonly NoteKey[] = []
  #epoch = 0
  readonly #failures: ExportFailure[] = []
  readonly #journals = new Map<string, JournalCheck>()
  /** Journals that the ledger names and this export does not have, since whoever keeps them runs elsewhere. */
  readonly #elsewhere = new Map<string, Elsewhere>()
  readonly #isBeside: boolean
  readonly #missing = new Set<number>()
  readonly #erased = new Set<number>()
  #withheld = 0
  #keys: readonly NoteKey[] = []
  #header: ExportHeader | undefined
  #line = 0
  #what = ''
  #frontier = emptyFrontier
  #bodies = 0
  #lastAt = 0
  #checkpoints = 0
  #covered = 0
  #root = ''
  #journalsBegun = false
  /** What is read, where it is not a line of the export. */
  #place: string | undefined

  constructor(given: { readonly vkeys: readonly string[]; readonly heads: readonly string[]; readonly beside: boolean }) {
    this.#given = given.vkeys
    this.#heads = given.heads
    this.#isBeside = given.beside
  }

  take(text: string): void {
    this.#line += 1
    this.#what = ''
    const parsed = this.#orFail(parseExportLine(text))
    if (parsed === undefined) return
    if (this.#header === undefined && parsed.is !== 'header') return this.#fail('an export begins with its header')
    switch (parsed.is) {
      case 'header':
        return this.#header === undefined ? this.#readHeader(parsed.header) : this.#fail('a second header')
      case 'leaf':
        return this.#readLeaf(parsed.leaf)
      case 'checkpoint':
        return this.#readCheckpoint(parsed.note)
      case 'journal':
        return this.#readJournal(parsed.journal, parsed.line)
    }
  }

  /** After the export: finds out by the first seal whose journal it is, and reads it like one that stands there. */
  async takeBeside({ where, lines }: BesideJournal): Promise<void> {
    this.#place = where
    this.#what = ''
    let check: JournalCheck | undefined
    const before: string[] = []
    for await (const line of lines) {
      if (check !== undefined) check.take(line)
      else {
        before.push(line)
        const seal = readSeal(line)
        if (seal === undefined) continue
        check = [...this.#elsewhere.values()].find(({ key }) => verifySeal(seal, key))?.check
        if (check === undefined) break
        this.#what = `journal ${check.key.name}`
        for (const each of before) check.take(each)
      }
    }
    if (check === undefined) return this.#fail('sealed by no journal that the ledger names and this export does not have')
    this.#elsewhere.delete(check.key.name)
    this.#journals.set(check.key.name, check)
  }

  report(): ExportReport {
    this.#place = 'end'
    this.#what = ''
    if (this.#header === undefined) this.#fail('there is no header')
    if (this.#checkpoints === 0) this.#fail('there is no checkpoint that could be checked')
    else if (this.#covered < this.#frontier.size)
      this.#fail(`leaves ${this.#covered} to ${this.#frontier.size - 1} are under no checkpoint`)
    const gone = this.#countMissing()
    for (const { size } of this.#kept) this.#fail(`it ends before the head of size ${size} that you hold`)
    for (const { key, keyGiven, heads } of this.#witnesses)
      if (keyGiven && heads === 0) this.#fail(`no head is cosigned by ${key.name}, whose word you want`)
    const journals = [...this.#journals].map(([name, journal]) => {
      this.#what = `journal ${name}`
      return journal.end()
    })
    const elsewhere = [...this.#elsewhere].map(([name, { anchors, anchoredTo }]) => ({ name, anchors, anchoredTo }))
    return {
      ok: this.#failures.length === 0,
      origin: this.#header?.origin ?? '',
      keyGiven: [this.#header?.vkeys[0], ...this.#earlier.map((key) => key.vkey)].some((vkey) => this.#given.includes(vkey ?? '')),
      witnesses: this.#witnesses.map(({ key, keyGiven, heads, size }) => ({ name: key.name, keyGiven, heads, size })),
      leaves: this.#frontier.size,
      bodies: this.#bodies,
      ...gone,
      checkpoints: this.#checkpoints,
      size: this.#covered,
      root: this.#root,
      journals,
      elsewhere,
      failures: this.#failures,
    }
  }

  /** What is gone: with an entry that says so, or with one that may itself be withheld; anything else was taken away. */
  #countMissing(): { readonly erased: number; readonly withheld: number } {
    let [erased, withheld] = [0, this.#withheld]
    for (const leaf of this.#missing) {
      if (this.#erased.has(leaf)) erased += 1
      else if (leaf < this.#lastWithheld) withheld += 1
      else this.#fail(`the body of leaf ${leaf} is missing and no entry says that it was erased`)
    }
    return { erased, withheld }
  }

  #readHeader(header: ExportHeader): void {
    this.#what = 'header'
    this.#header = header
    const [own] = header.vkeys
    this.#earlier = earlierKeys(own ?? '')
    const wantsOwnKey = this.#given.some((vkey) => kindOfVkey(vkey) === 'signs')
    // Whoever kept the key of an earlier epoch trusts the same key under its name of today.
    const isTrusted = [own, ...this.#earlier.map((key) => key.vkey)].some((vkey) => vkey !== undefined && this.#given.includes(vkey))
    const keys: NoteKey[] = []
    for (const vkey of new Set([...header.vkeys, ...this.#given])) {
      const key = this.#orFail(parseVkey(vkey))
      if (key === undefined) continue
      const keyGiven = this.#given.includes(vkey)
      if (key.kind === 'cosigns') this.#witnesses.push({ key, keyGiven, heads: 0, size: 0 })
      else if (vkey === own && wantsOwnKey && !isTrusted) this.#fail(`the key ${vkey} is not among those you trust`)
      if (key.kind === 'cosigns' || vkey === own) keys.push(key)
    }
    if (keys[0]?.name !== header.origin || keys[0].kind !== 'signs') this.#fail('the first key is not that of the log')
    this.#keys = keys
    this.#readHeads(header.origin)
    this.#what = 'header'
    for (const { name, vkey } of header.journals) {
      const key = this.#orFail(parseVkey(vkey))
      if (key === undefined) continue
      if (key.name !== name || this.#journals.has(name)) this.#fail(`the journal ${name} has the key of another, or is named twice`)
      else this.#journals.set(name, new JournalCheck(key, (what) => this.#fail(what)))
    }
  }

  #readHeads(origin: string): void {
    this.#what = 'a head that you hold'
    for (const head of this.#heads) {
      const earlier = this.#earlier.find((key) => key.name === claimedOrigin(head))
      const opened = this.#orFail(openCheckpoint(head, earlier?.name ?? origin, earlier === undefined ? this.#keys : [earlier]))
      if (opened !== undefined && opened.size > 0) this.#kept.push({ size: opened.size, root: opened.root })
    }
  }

  #holdAgainstHeads(): void {
    const { size } = this.#frontier
    const due = this.#kept.filter((head) => head.size === size)
    if (due.length === 0) return
    this.#kept = this.#kept.filter((head) => head.size !== size)
    const root = frontierRoot(this.#frontier)
    for (const head of due) if (!sameHash(head.root, root)) this.#fail(`the first ${size} leaves are not those of the head that you hold`)
  }

  #readLeaf(leaf: ExportedLeaf): void {
    this.#what = `leaf ${leaf.index}`
    const index = this.#frontier.size
    if (this.#journalsBegun) this.#fail('a leaf after the journals')
    if (leaf.index !== index) this.#fail(`leaf ${index} should stand here`)
    if (!isLeaf(leaf.data)) this.#fail('a leaf of a version that is not known here')
    this.#frontier = appendLeaf(this.#frontier, leafHash(leaf.data))
    this.#holdAgainstHeads()
    if (leaf.body === undefined || leaf.salt === undefined) {
      if (leaf.withheld === true && this.#header?.space !== undefined) {
        this.#withheld += 1
        this.#lastWithheld = index
      } else this.#missing.add(index)
      return
    }
    this.#bodies += 1
    const text = canonicalJson(leaf.body)
    if (!verifyBody(leaf.data, text, leaf.salt)) return this.#fail('the body is not the one the leaf commits to')
    const body = this.#orFail(parseBody(text))
    if (body !== undefined) this.#readBody(index, body)
  }

  #readBody(index: number, body: LedgerBody): void {
    if (body.at < this.#lastAt) this.#fail('its instant lies before that of the leaf before')
    this.#lastAt = body.at
    const { facts } = body
    if (body.kind === erasureKind) {
      if (typeof facts.leaf === 'number' && facts.leaf < index) this.#erased.add(facts.leaf)
      else this.#fail('an erasure that names no earlier leaf')
    }
    if (body.kind === enrolledKind && typeof facts.journal === 'string') this.#nameJournal(facts.journal)
    if (body.kind !== anchorKind && body.kind !== prunedKind) return
    const { journal, n, hash, vkey } = facts
    if (typeof journal !== 'string' || typeof n !== 'number' || typeof hash !== 'string') return this.#fail('an anchor that cannot be read')
    if (body.kind === anchorKind && typeof vkey === 'string') this.#nameJournal(vkey, journal)
    const elsewhere = this.#elsewhere.get(journal)
    const check = this.#journals.get(journal) ?? elsewhere?.check
    if (check === undefined && elsewhere === undefined)
      return this.#fail(`it anchors the journal ${journal}, which is not in this export and which no entry before it names`)
    if (body.kind === prunedKind) return check?.prune({ leaf: index, n, hash })
    check?.anchor({ leaf: index, n, hash })
    if (elsewhere === undefined) return
    elsewhere.anchors += 1
    elsewhere.anchoredTo = Math.max(elsewhere.anchoredTo, n)
  }

  /** From here on the ledger may anchor it; its key is the same for good. */
  #nameJournal(vkey: string, wanted?: string): void {
    const key = this.#orFail(parseVkey(vkey))
    if (key === undefined) return
    const known = this.#journals.get(key.name)?.key ?? this.#elsewhere.get(key.name)?.key
    if (key.kind !== 'signs' || (wanted ?? key.name) !== key.name)
      this.#fail(`it names the journal ${key.name} with a key that is not its own`)
    else if (known === undefined) {
      const check = this.#isBeside ? { check: new JournalCheck(key, (what) => this.#fail(what)) } : {}
      this.#elsewhere.set(key.name, { key, anchors: 0, anchoredTo: 0, ...check })
    } else if (known.vkey !== key.vkey) this.#fail(`it names the journal ${key.name} with another key than before`)
  }

  #readCheckpoint(note: string): void {
    this.#what = 'checkpoint'
    if (this.#journalsBegun) this.#fail('a checkpoint after the journals')
    const opened = this.#orFail(this.#openHead(note))
    if (opened === undefined) return
    const { size, root, unknown, keys } = opened
    this.#what = `checkpoint of size ${size}`
    // In an export every signature can be checked: one that cannot may hide a change.
    for (const name of unknown) this.#fail(`signed by ${name}, whose key is not in the header`)
    // The leaves so far are all the leaves of every later tree too, so a root that fits here is consistent with each of those.
    if (size !== this.#frontier.size) return this.#fail(`it stands behind ${this.#frontier.size} leaves`)
    if (!sameHash(root, frontierRoot(this.#frontier))) return this.#fail('its root is not that of the leaves before it')
    for (const witness of this.#witnesses) {
      if (!keys.includes(witness.key)) continue
      witness.heads += 1
      witness.size = size
    }
    this.#checkpoints += 1
    this.#covered = size
    this.#root = Buffer.from(root).toString('hex')
  }

  /** A head of this epoch or an earlier one; once there was one of this epoch, none of an earlier follows. */
  #openHead(note: string): Result<OpenCheckpoint> {
    const place = this.#earlier.findIndex((key) => key.name === claimedOrigin(note))
    const key = this.#earlier[place]
    if (key === undefined) {
      this.#epoch = this.#earlier.length
      return openCheckpoint(note, this.#header?.origin ?? '', this.#keys)
    }
    if (place < this.#epoch) this.#fail('a head of an earlier epoch stands behind one of a later')
    this.#epoch = place
    return openCheckpoint(note, key.name, [key, ...this.#keys])
  }

  #readJournal(name: string, line: string): void {
    this.#what = `journal ${name}`
    this.#journalsBegun = true
    const journal = this.#journals.get(name)
    if (journal === undefined) this.#fail('the header does not name this journal')
    else journal.take(line)
  }

  #orFail<T>(result: Result<T>): T | undefined {
    if (result.ok) return result.value
    this.#fail(result.refusal.detail ?? result.refusal.code)
    return undefined
  }

  #fail(what: string): void {
    const place = this.#place ?? `line ${this.#line}`
    if (this.#failures.length < failuresMax) this.#failures.push({ where: this.#what === '' ? place : `${place}, ${this.#what}`, what })
  }
}
