/** An address of the loopback net, and a port of it, for programs that are told where to listen before they do. */
import { randomInt } from 'node:crypto'

export interface OwnAddress {
  readonly host: string
  readonly port: number
}

/**
 * Nobody else will have it. A port of 127.0.0.1 that was free when it was asked for need not be when a program gets to it: the system
 * hands it to whoever dials or listens next. To another address of 127.0.0.0/8 it hands none.
 */
export function ownAddress(): OwnAddress {
  return { host: `127.${randomInt(1, 255)}.${randomInt(0, 256)}.${randomInt(1, 255)}`, port: randomInt(10_000, 30_000) }
}
