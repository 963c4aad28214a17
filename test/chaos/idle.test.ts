/** A real Remit with thousands of connections that ask for nothing, at the API and at the gateway: it works, and people can stop things. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { connect, type Socket } from 'node:net'
import { test } from 'node:test'
import { ChaosHouse, knock } from './chaos-house.ts'

/** What the system lets one process open, less what both sides need for themselves. */
const files = Number(execFileSync('sh', ['-c', 'ulimit -Hn'], { encoding: 'utf8' }).trim()) || 1_000_000
const each = Math.min(5_000, Math.floor((files - 1_000) / 2))

test(`${each} idle connections at the API and ${each} at the gateway, half of them in the middle of a head or a body`, async (context) => {
  assert.ok(each >= 1_000, `only ${files} files may be open here (ulimit -n): too few for this test`)
  const house = await ChaosHouse.make()
  context.after(() => house.remove())
  const running = await house.found()
  context.after(() => running.process.kill())
  const client = running.as('writer')
  const { id } = await client.requestGrant({ task: 'work', statement: 'among many', scope: ['shop/put'] })
  await client.activate(id)
  const { access_token: token } = await client.sessionToken(id)
  const sockets: Socket[] = []
  context.after(() => sockets.forEach((socket) => socket.destroy()))
  const beginnings = [
    '',
    'GET /v1/health HTTP/1.1\r\nHost: a',
    '',
    'POST /oauth/token HTTP/1.1\r\nHost: localhost\r\nContent-Length: 500\r\n\r\ngrant',
  ]
  for (let number = 0; number < each; number += 100) {
    const dialled = [running.ready.url, running.gateway].flatMap((url) =>
      Array.from({ length: 100 }, (_, place) => {
        const socket = connect(Number(new URL(url).port), '127.0.0.1')
        socket.on('error', () => undefined)
        socket.write(beginnings[place % beginnings.length] ?? '')
        sockets.push(socket)
        return socket
      }),
    )
    await Promise.all(dialled.map((socket) => once(socket, 'connect')))
  }
  // What was kept open from before may have been closed meanwhile; a question that changes nothing is asked anew.
  await running.as('ben').whoami()
  assert.equal((await knock(running.gateway, token, 'PUT /items/among-many')).status, 200)
  assert.equal((await running.as('ben').revoke(id, 'still heard')).grant.state, 'ended')
  assert.notEqual((await knock(running.gateway, token, 'PUT /items/after')).status, 200)
  const status = await readFile(`/proc/${running.process.child.pid}/status`, 'utf8').catch(() => '')
  const [, kilobytes = '0'] = /VmRSS:\s+(\d+)/.exec(status) ?? []
  context.diagnostic(`${sockets.filter((socket) => !socket.destroyed).length} open, ${Math.round(Number(kilobytes) / 1_024)} MB resident`)
  assert.ok(Number(kilobytes) < 1_000_000, `${kilobytes} KB`)
})
