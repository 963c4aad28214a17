/** Records that this version of Remit cannot read: whatever rests on one is refused, because what it does not know could be a limit. */
import type { RecordKind } from '../model/records.ts'

export interface NotUnderstood {
  readonly kind: RecordKind
  readonly id: string
  /** Which part, in words. */
  readonly why: string
  /** Of a grant: who acts first under it, where that can be read. */
  readonly actor?: string
}

export class KnownNotUnderstood {
  readonly #records = new Map<string, NotUnderstood>()
  readonly #grantsByActor = new Map<string, Map<string, NotUnderstood>>()

  put(record: NotUnderstood): void {
    this.remove(record.kind, record.id)
    this.#records.set(`${record.kind} ${record.id}`, record)
    if (record.kind !== 'grant' || record.actor === undefined) return
    const ofActor = this.#grantsByActor.get(record.actor) ?? new Map<string, NotUnderstood>()
    this.#grantsByActor.set(record.actor, ofActor.set(record.id, record))
  }

  remove(kind: RecordKind, id: string): void {
    // Most often there is none, and every record that comes asks.
    if (this.#records.size === 0) return
    const known = this.#records.get(`${kind} ${id}`)
    if (known === undefined) return
    this.#records.delete(`${kind} ${id}`)
    const ofActor = this.#grantsByActor.get(known.actor ?? '')
    ofActor?.delete(id)
    if (ofActor?.size === 0) this.#grantsByActor.delete(known.actor ?? '')
  }

  get(kind: RecordKind, id: string): NotUnderstood | undefined {
    return this.#records.get(`${kind} ${id}`)
  }

  /** A grant of this actor that cannot be read, where there is one. */
  grantOf(actor: string): NotUnderstood | undefined {
    const [first] = this.#grantsByActor.get(actor)?.values() ?? []
    return first
  }

  all(): Iterable<NotUnderstood> {
    return this.#records.values()
  }
}
