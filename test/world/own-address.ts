/** An address of the loopback net, and a port of it, for programs that are told where to listen before they do. */
import { randomInt } from 'node:crypto'
import { createServer } from 'node:net'

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

const given = new Set<number>()

/**
 * A port of 127.0.0.1 for programs that can be told no other address, another one each time. It is free now, and from below those that
 * the system hands out by itself, so that nobody who listens on any free port, or dials, has it before the program, nor between two
 * programs that are to have the same.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(10_000, 30_000)
    if (given.has(port) || !(await isFree(port))) continue
    given.add(port)
    return port
  }
  throw new Error('no port is free')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
