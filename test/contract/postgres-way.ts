/** A way to a server that a test can cut, freeze, or make deaf in one direction: the network between a store and its database. */
import { once } from 'node:events'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { OwnAddress } from '../world/own-address.ts'

export class Way {
  readonly #server: Server
  readonly #pairs = new Set<{ readonly near: Socket; readonly far: Socket }>()
  #isOpen = true
  #isDeaf = false
  #isFrozen = false

  /** On the same address, and a port of its own. */
  static async to(address: OwnAddress): Promise<Way> {
    const way = new Way(address)
    way.#server.listen(0, address.host)
    await once(way.#server, 'listening')
    return way
  }

  private constructor({ host, port }: OwnAddress) {
    this.#server = createServer((near) => {
      if (!this.#isOpen) return near.destroy()
      const far = connect(port, host)
      const pair = { near, far }
      this.#pairs.add(pair)
      if (this.#isFrozen) near.pause()
      near.on('data', (bytes) => far.write(bytes))
      far.on('data', (bytes) => {
        if (!this.#isDeaf) near.write(bytes)
      })
      for (const [one, other] of [
        [near, far],
        [far, near],
      ] as const) {
        one.on('error', () => undefined)
        one.on('close', () => {
          this.#pairs.delete(pair)
          other.destroy()
        })
      }
    })
  }

  get port(): number {
    const address = this.#server.address()
    if (address === null || typeof address === 'string') throw new Error('the way is closed')
    return address.port
  }

  /** What is asked goes through; no answer comes back. */
  deafen(): void {
    this.#isDeaf = true
  }

  /** Nothing goes through, and neither side is told. */
  freeze(): void {
    this.#isFrozen = true
    for (const { near, far } of this.#pairs) {
      near.pause()
      far.pause()
    }
  }

  thaw(): void {
    this.#isFrozen = false
    for (const { near, far } of this.#pairs) {
      near.resume()
      far.resume()
    }
  }

  /** Both sides are told that it is over, and nobody gets through any more. */
  cut(): void {
    this.#isOpen = false
    for (const { near, far } of [...this.#pairs]) {
      near.destroy()
      far.destroy()
    }
  }

  mend(): void {
    this.#isOpen = true
    this.#isDeaf = false
  }

  async remove(): Promise<void> {
    this.cut()
    this.#server.close()
    await once(this.#server, 'close')
  }
}
