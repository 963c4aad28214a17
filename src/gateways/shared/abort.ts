/** How a connection ends that must not go on. */
import type { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'

/** Ends a connection at once, so that its peer can tell; what the kernel had not sent yet is thrown away with it. */
export function abort(socket: Socket): void {
  // Only a bare TCP socket can be reset, and not one whose orderly end has begun: the system would refuse that and leave it open.
  if (!(socket instanceof TLSSocket) && !socket.connecting && !socket.writableEnded) socket.resetAndDestroy()
  else socket.destroy()
}
