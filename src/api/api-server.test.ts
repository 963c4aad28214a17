/** The server below the API, full of connections that ask for nothing. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import test from 'node:test'
import { makeApiServer } from './api-server.ts'

const get = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n'

test('a server full of connections makes room: the one that has asked for nothing longest goes, none that is being served', async (context) => {
  const waiting: (() => void)[] = []
  const server = makeApiServer(undefined, (_, response) => void waiting.push(() => response.end('served')), { connectionsMax: 3 })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const sockets: { readonly socket: Socket; readonly closed: Promise<unknown> }[] = []
  context.after(async () => {
    for (const { socket } of sockets) socket.destroy()
    server.close()
    await once(server, 'close')
  })
  const address = server.address()
  const port = typeof address === 'object' && address !== null ? address.port : 0
  const dial = async (bytes = '') => {
    const socket = connect(port, '127.0.0.1')
    const arrived = once(server, bytes === '' ? 'connection' : 'request')
    const dialled = { socket, closed: new Promise((resolve) => socket.once('close', resolve)) }
    socket.on('error', () => undefined)
    sockets.push(dialled)
    socket.resume()
    if (bytes !== '') socket.write(bytes)
    await arrived
    return dialled
  }
  const served = await dial(get)
  const slow = await dial('')
  slow.socket.write('GET / HT')
  const idle = await dial('')
  await dial('')
  await slow.closed
  assert.equal(idle.socket.destroyed || served.socket.destroyed, false)
  await dial(get)
  await idle.closed
  assert.equal(served.socket.destroyed, false)
  waiting[0]?.()
  await once(served.socket, 'data')
})
