/** A value that cannot print: logs, JSON, templates and inspection all show `[secret]`. */
import { inspect } from 'node:util'

export class Secret {
  readonly #value: string

  constructor(value: string) {
    this.#value = value
  }

  static reveal(secret: Secret): string {
    return secret.#value
  }

  toString(): string {
    return '[secret]'
  }

  toJSON(): string {
    return '[secret]'
  }

  [inspect.custom](): string {
    return '[secret]'
  }
}

/** The one way to the value: search for `reveal(` to see every use. Only `host` and `gateways` may call it. */
export function reveal(secret: Secret): string {
  return Secret.reveal(secret)
}
