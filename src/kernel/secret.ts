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

  /** The same secret behind a fixed text such as `Bearer `. */
  prefixed(prefix: string): Secret {
    return new Secret(`${prefix}${this.#value}`)
  }

  /** The same secret in base64 (RFC 4648), as HTTP's Basic scheme has it. */
  inBase64(): Secret {
    return new Secret(Buffer.from(this.#value, 'utf8').toString('base64'))
  }

  /** Whether it is this value: no need to reveal it for that. */
  is(value: string): boolean {
    return this.#value === value
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
