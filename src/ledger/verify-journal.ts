/** Checks one journal against the ledger: every line chained, every seal signed, every anchor met, and what is gone vouched for before. */
import type { Result } from '../kernel/result.ts'
import { numberOf, startWalk, stepLine, type Walk } from './journal-format.ts'
import type { NoteKey } from './note.ts'

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

/** What a leaf says of a line: its chain hash in hex. */
export interface Anchor {
  readonly leaf: number
  readonly n: number
  readonly hash: string
}

/** Takes everything that the ledger says of the journal first, then its lines, then tells. */
export class JournalCheck {
  readonly key: NoteKey
  readonly #fail: (what: string) => void
  #anchors: Anchor[] = []
  readonly #pruned: Anchor[] = []
  #walk: Walk
  #seals = 0
  #held = 0
  #anchoredTo = 0
  #prunedTo = 0
  #isBegun = false
  /** Nothing is said of what follows a break: it hangs on nothing. */
  #isBroken = false

  constructor(key: NoteKey, fail: (what: string) => void) {
    this.key = key
    this.#fail = fail
    this.#walk = startWalk(key.vkey)
  }

  anchor(anchor: Anchor): void {
    this.#anchors.push(anchor)
  }

  prune(gone: Anchor): void {
    this.#pruned.push(gone)
  }

  take(line: string): void {
    if (this.#isBroken) return
    if (!this.#isBegun) this.#begin(line)
    const step = this.#orFail(stepLine(this.#walk, line, this.key))
    if (step === undefined) {
      this.#isBroken = true
      return
    }
    this.#walk = step.walk
    if (step.entry.type === 'seal') this.#seals += 1
    this.#holdAgainstAnchors()
  }

  end(): JournalReport {
    const { head, sealed } = this.#walk
    if (!this.#isBroken) {
      if (head.n > sealed.n) this.#fail(`lines ${sealed.n + 1} to ${head.n} are under no seal`)
      for (const anchor of this.#anchors) this.#fail(`it ends at line ${head.n}, but leaf ${anchor.leaf} anchors line ${anchor.n}`)
    }
    const { name } = this.key
    return { name, lines: head.n, seals: this.#seals, anchors: this.#held, anchoredTo: this.#anchoredTo, prunedTo: this.#prunedTo }
  }

  /** Where lines were taken away, the first that is left goes on from the hash that the ledger names, if an earlier leaf vouched for them. */
  #begin(line: string): void {
    this.#isBegun = true
    this.#anchors.sort((one, other) => other.n - one.n)
    const gone = this.#pruned.find((pruned) => pruned.n === numberOf(line) - 1)
    if (gone === undefined) return
    if (!this.#anchors.some((anchor) => anchor.leaf < gone.leaf && anchor.n >= gone.n))
      this.#fail(`leaf ${gone.leaf} says that lines up to ${gone.n} were taken away, which no leaf before it anchors`)
    const head = { n: gone.n, hash: Buffer.from(gone.hash, 'hex') }
    this.#walk = { head, sealed: head }
    this.#prunedTo = gone.n
    this.#anchors = this.#anchors.filter((anchor) => anchor.n >= gone.n)
    this.#holdAgainstAnchors()
  }

  #holdAgainstAnchors(): void {
    const { n, hash } = this.#walk.head
    for (let anchor = this.#anchors.at(-1); anchor !== undefined && anchor.n <= n; anchor = this.#anchors.at(-1)) {
      this.#anchors.pop()
      if (anchor.n === n && anchor.hash === Buffer.from(hash).toString('hex')) {
        this.#held += 1
        this.#anchoredTo = n
      } else this.#fail(`line ${anchor.n} is not what leaf ${anchor.leaf} anchors`)
    }
  }

  #orFail<T>(result: Result<T>): T | undefined {
    if (result.ok) return result.value
    this.#fail(result.refusal.detail ?? result.refusal.code)
    return undefined
  }
}
