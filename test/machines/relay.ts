/** A port here that leads to another one there: for what listens on a loopback that other machines do not share. */
import { once } from 'node:events'
import { connect, createServer } from 'node:net'

export interface End {
  readonly host: string
  readonly port: number
}

export interface Relay extends End {
  close(): void
}

/** `port: 0` for any. Connections that one side ends are ended at the other. */
export async function relay(from: End, to: End): Promise<Relay> {
  const server = createServer((socket) => {
    const on = connect(to)
    for (const [one, other] of [
      [socket, on],
      [on, socket],
    ] as const) {
      one.setNoDelay(true)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  server.listen(from.port, from.host)
  await once(server, 'listening')
  const address = server.address()
  return { host: from.host, port: typeof address === 'object' && address !== null ? address.port : 0, close: () => void server.close() }
}
