/** An upstream in the test's own process that nothing kills: it keeps when it received what. Each target is asked for once. */
import { createServer } from 'node:http'
import { once } from 'node:events'

export interface Received {
  /** `PUT /telemetry/r1-7`. */
  readonly target: string
  /** Milliseconds of `performance.now()`. */
  readonly at: number
}

export class CountingShop {
  readonly url: string
  readonly received: Received[] = []
  readonly #close: () => Promise<void>

  private constructor(url: string, close: () => Promise<void>) {
    this.url = url
    this.#close = close
  }

  static async open(secret: string): Promise<CountingShop> {
    const server = createServer((request, response) => {
      const isKnown = request.headers.authorization === `Bearer ${secret}`
      if (isKnown) shop.received.push({ target: `${request.method} ${request.url}`, at: performance.now() })
      request.resume().once('end', () => {
        response.writeHead(isKnown ? 200 : 401, { 'content-type': 'application/json' })
        response.end('{"done":true}')
      })
    })
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const shop = new CountingShop(`http://127.0.0.1:${port}`, async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    })
    return shop
  }

  /** How often it received a target. */
  countOf(target: string): number {
    return this.received.filter((each) => each.target === target).length
  }

  close(): Promise<void> {
    return this.#close()
  }
}
