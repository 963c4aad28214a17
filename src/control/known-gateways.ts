/** The gateway processes that may speak to control: those that are enrolled and not removed. */
import type { EnrolledGateway } from '../model/gateways.ts'

export class KnownGateways {
  readonly #byId = new Map<string, EnrolledGateway>()
  readonly #byKey = new Map<string, EnrolledGateway>()

  put(gateway: EnrolledGateway): void {
    const before = this.#byId.get(gateway.id)
    if (before?.key !== undefined) this.#byKey.delete(before.key)
    this.#byId.delete(gateway.id)
    if (gateway.state !== 'enrolled' || gateway.key === undefined) return
    this.#byId.set(gateway.id, gateway)
    this.#byKey.set(gateway.key, gateway)
  }

  /** By the SHA-256 of its public key (SPKI) in hex. */
  byKey(key: string): EnrolledGateway | undefined {
    return this.#byKey.get(key)
  }

  get(id: string): EnrolledGateway | undefined {
    return this.#byId.get(id)
  }

  all(): readonly EnrolledGateway[] {
    return [...this.#byId.values()]
  }
}
