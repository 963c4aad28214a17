/** Whoever answers for a held call of an MCP client is told what the agent's last calls of that tool came to. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { McpServer } from '@modelcontextprotocol/server'
import { z } from 'zod'
import type { RecentView } from '../../src/wire/holds.ts'
import { call } from '../api/calls.ts'
import { bare, openHouse } from './gateway-house.ts'
import { serveMcp } from './fixture-server.ts'

test('the last calls of the tool: one that failed in its own words, one that was done after a yes, one that was denied', async (context) => {
  const served = await serveMcp(() => {
    const server = new McpServer({ name: 'ops', version: '1.0.0' })
    server.registerTool('restart', { description: 'Restarts.', inputSchema: z.object({ service: z.string() }) }, ({ service }) => ({
      content: [{ type: 'text', text: `restarted ${service}` }],
      isError: service === 'broken',
    }))
    return server
  })
  context.after(() => served.close())
  const house = await openHouse(context, { ops: served.url })
  const { token } = await house.grantFor('errand', ['ops/restart'])
  const restart = async (service: string): Promise<string> => {
    const body = JSON.stringify({ name: 'restart', arguments: { service } })
    const answered = await (await fetch(house.urlOf('ops'), bare(token, 'tools/call', body, 'restart'))).text()
    return /hld_\w+/.exec(answered)?.[0] ?? ''
  }
  for (const service of ['broken', 'web']) {
    const hold = await restart(service)
    await house.approve(hold)
    assert.equal(await restart(service), '', 'it went through')
  }
  await house.approve(await restart('till'), 'deny')
  const hold = await restart('db')
  const recent = async (): Promise<RecentView> => {
    const authorization = `Bearer ${await house.api.token('assistant')}`
    const { status, body } = await call(house.api.port, { method: 'GET', path: `/v1/holds/${hold}/recent`, headers: { authorization } })
    assert.equal(status, 200)
    return JSON.parse(body) as RecentView
  }
  const { actions, compared, counts } = await recent()
  assert.deepEqual(
    actions.map(({ outcome, error, hold: its, arguments: given }) => [given['service'], outcome, error, its?.state]),
    [
      [{ value: 'till' }, 'held', undefined, 'denied'],
      [{ value: 'web' }, 'answered', undefined, 'spent'],
      [{ value: 'broken' }, 'answered', true, 'spent'],
    ],
  )
  assert.deepEqual(compared[0], { argument: 'service', is: 'new', now: { value: 'db' }, before: [{ value: 'web' }, { value: 'broken' }] })
  assert.deepEqual(counts.thisGrant, { allowed: 2, held: 1, denied: 0 })
})
