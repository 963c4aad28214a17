/** Starting to listen, as the ports of every protocol do it. */
import type { Server } from 'node:net'

/** Answers the port. Rejects where the system refuses; what fails later is told to `failed`. */
export function listening(
  server: Server,
  at: { readonly host: string; readonly port: number },
  failed: (err: Error) => void,
): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen({ ...at, backlog: 4_096 }, () => {
      server.off('error', reject)
      server.on('error', failed)
      const address = server.address()
      if (typeof address === 'object' && address !== null) resolve(address.port)
    })
  })
}
