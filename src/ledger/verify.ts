/** Checks a whole export as a stranger would: every leaf, body, head, journal line and anchor, each failure named by its place. */
import { canonicalJson } from '../kernel/json.ts'
import type { Result } from '../kernel/result.ts'
import { openCheckpoint, type OpenCheckpoint } from './checkpoint.ts'
import { type ExportedLeaf, type ExportHeader, parseExportLine } from './export-format.ts'
import { numberOf, prunedKind, startWalk, stepLine, type Walk } from './journal-format.ts'
import { isLeaf, type LedgerBody, parseBody, verifyBody } from './leaf.ts'
import { claimedOrigin, earlierKeys } from './log-names.ts'
import { kindOfVkey, type NoteKey, parseVkey } from './note.ts'
import { appendLeaf, emptyFrontier, frontierRoot, type Hash, leafHash, sameHash } from './tree.ts'

/** Ledger entries of this kind tie a journal to the ledger: facts { journal, n, hash (hex) }. */
export const anchorKind = 'journal.anchored'
const enrolledKind = 'gateway.enrolled'

/** Ledger entries of this kind say that a body was erased: facts { leaf, reason }. A body that is gone without one was taken away. */
export const erasureKind = 'ledger.body-erased'

export interface ExportFailure {
  /** The line of the export, and what stands there. */
  readonly where: string
  readonly what: string
}

export interface JournalReport {
  readonly name: string
  readonly lines: number
  readonly seals: number
  readonly anchors: number
  /** The last line that the ledger vouches for; what follows is vouched for by the gateway's own seals alone. */
  readonly anchoredTo: number
  /** Lines up to this one were taken away, as the ledger says; 0 where none were. */
  readonly prunedTo: number
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
  readonly journals: readonly JournalReport[]
  /** At most 100. */
  readonly failures: readonly ExportFailure[]
}

const failuresMax = 100

/**
 * Verifies an export, line by line, in memory that does not grow with the number of leaves or lines (only of anchors and erasures).
 * `vkeys` are the keys the verifier trusts, of the log and of witnesses; without the log's the export is held against the one in its own
 * header. `heads` are signed heads the verifier kept: each must be one that this log went through. Never refuses: what cannot be read
 * is a failure in the report.
 */
export async function verifyExport(
  lines: AsyncIterable<string> | Iterable<string>,
  vkeys: readonly string[] = [],
  heads: readonly string[] = [],
): Promise<ExportReport> {
  const check = new ExportCheck(vkeys, heads)
  for await (const line of lines) check.take(line)
  return check.report()
}

interface Anchor {
  readonly leaf: number
  readonly n: number
  readonly hash: string
}

interface JournalCheck {
  readonly key: NoteKey
  readonly anchors: Anchor[]
  walk: Walk
  seals: number
  held: number
  anchoredTo: number
  readonly pruned: Anchor[]
  prunedTo: number
  /** Nothing is said of what follows a break: it hangs on nothing. */
  broken: boolean
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
  /** Journals of gateways that are not in this export, since they run elsewhere. */
  readonly #elsewhere = new Set<string>()
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
  #ended = false

  constructor(given: readonly string[], heads: readonly string[]) {
    this.#given = given
    this.#heads = heads
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

  report(): ExportReport {
    this.#ended = true
    this.#what = ''
    if (this.#header === undefined) this.#fail('there is no header')
    if (this.#checkpoints === 0) this.#fail('there is no checkpoint that could be checked')
    else if (this.#covered < this.#frontier.size)
      this.#fail(`leaves ${this.#covered} to ${this.#frontier.size - 1} are under no checkpoint`)
    const gone = this.#countMissing()
    for (const { size } of this.#kept) this.#fail(`it ends before the head of size ${size} that you hold`)
    for (const { key, keyGiven, heads } of this.#witnesses)
      if (keyGiven && heads === 0) this.#fail(`no head is cosigned by ${key.name}, whose word you want`)
    const journals = [...this.#journals].map(([name, journal]) => this.#endJournal(name, journal))
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
      const made = { key, anchors: [], pruned: [], walk: startWalk(vkey), seals: 0, held: 0, anchoredTo: 0, prunedTo: 0, broken: false }
      if (key.name !== name || this.#journals.has(name)) this.#fail(`the journal ${name} has the key of another, or is named twice`)
      else this.#journals.set(name, made)
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
    // It keeps its journal itself: what the log anchors of it can be checked where the journal is.
    if (body.kind === enrolledKind && typeof facts.journal === 'string') this.#elsewhere.add(facts.journal.split('+', 1)[0] ?? '')
    if (body.kind !== anchorKind && body.kind !== prunedKind) return
    const { journal, n, hash } = facts
    if (typeof journal !== 'string' || typeof n !== 'number' || typeof hash !== 'string') return this.#fail('an anchor that cannot be read')
    const anchored = this.#journals.get(journal)
    if (anchored === undefined && !this.#elsewhere.has(journal))
      this.#fail(`it anchors the journal ${journal}, which is not in this export`)
    else if (body.kind === anchorKind) anchored?.anchors.push({ leaf: index, n, hash })
    else anchored?.pruned.push({ leaf: index, n, hash })
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
    if (!this.#journalsBegun) this.#sortAnchors()
    const journal = this.#journals.get(name)
    if (journal === undefined) return this.#fail('the header does not name this journal')
    if (journal.broken) return
    if (journal.walk.head.n === 0) this.#startBehindPruned(journal, line)
    const step = this.#orFail(stepLine(journal.walk, line, journal.key))
    if (step === undefined) {
      journal.broken = true
      return
    }
    journal.walk = step.walk
    if (step.entry.type === 'seal') journal.seals += 1
    this.#holdAgainstAnchors(journal)
  }

  /** Where lines were taken away, the first that is left goes on from the hash that the ledger names, if an earlier leaf vouched for them. */
  #startBehindPruned(journal: JournalCheck, line: string): void {
    const gone = journal.pruned.find((pruned) => pruned.n === numberOf(line) - 1)
    if (gone === undefined) return
    if (!journal.anchors.some((anchor) => anchor.leaf < gone.leaf && anchor.n >= gone.n))
      this.#fail(`leaf ${gone.leaf} says that lines up to ${gone.n} were taken away, which no leaf before it anchors`)
    const head = { n: gone.n, hash: Buffer.from(gone.hash, 'hex') }
    journal.walk = { head, sealed: head }
    journal.prunedTo = gone.n
    journal.anchors.splice(0, journal.anchors.length, ...journal.anchors.filter((anchor) => anchor.n >= gone.n))
    this.#holdAgainstAnchors(journal)
  }

  #sortAnchors(): void {
    this.#journalsBegun = true
    for (const { anchors } of this.#journals.values()) anchors.sort((one, other) => other.n - one.n)
  }

  #holdAgainstAnchors(journal: JournalCheck): void {
    const { n, hash } = journal.walk.head
    for (let anchor = journal.anchors.at(-1); anchor !== undefined && anchor.n <= n; anchor = journal.anchors.at(-1)) {
      journal.anchors.pop()
      if (anchor.n === n && anchor.hash === Buffer.from(hash).toString('hex')) {
        journal.held += 1
        journal.anchoredTo = n
      } else this.#fail(`line ${anchor.n} is not what leaf ${anchor.leaf} anchors`)
    }
  }

  #endJournal(name: string, journal: JournalCheck): JournalReport {
    const { head, sealed } = journal.walk
    this.#what = `journal ${name}`
    if (!journal.broken) {
      if (head.n > sealed.n) this.#fail(`lines ${sealed.n + 1} to ${head.n} are under no seal`)
      for (const anchor of journal.anchors) this.#fail(`it ends at line ${head.n}, but leaf ${anchor.leaf} anchors line ${anchor.n}`)
    }
    return { name, lines: head.n, seals: journal.seals, anchors: journal.held, anchoredTo: journal.anchoredTo, prunedTo: journal.prunedTo }
  }

  #orFail<T>(result: Result<T>): T | undefined {
    if (result.ok) return result.value
    this.#fail(result.refusal.detail ?? result.refusal.code)
    return undefined
  }

  #fail(what: string): void {
    const place = this.#ended ? 'end' : `line ${this.#line}`
    if (this.#failures.length < failuresMax) this.#failures.push({ where: this.#what === '' ? place : `${place}, ${this.#what}`, what })
  }
}
