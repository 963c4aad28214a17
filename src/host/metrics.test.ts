import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Metrics } from './metrics.ts'

test('says how long each gateway takes to stop, and how those elsewhere stand', async () => {
  const metrics = new Metrics()
  metrics.stopped('edge-1', 4)
  metrics.drilled('edge-1', 2)
  const text = await metrics.text([
    { gateway: 'edge-1', isConnected: true, lag: 3, leaseLeft: 9_500 },
    { gateway: 'edge-2', isConnected: false, lag: 0, leaseLeft: 0 },
  ])
  for (const line of [
    'remit_stop_seconds_bucket{le="0.002",gateway="edge-1"} 0',
    'remit_stop_seconds_bucket{le="0.005",gateway="edge-1"} 1',
    'remit_stop_seconds_sum{gateway="edge-1"} 0.004',
    'remit_drill_seconds_count{gateway="edge-1"} 1',
    'remit_gateway_connected{gateway="edge-1"} 1',
    'remit_gateway_connected{gateway="edge-2"} 0',
    'remit_feed_lag_versions{gateway="edge-1"} 3',
    'remit_gateway_lease_seconds{gateway="edge-1"} 9.5',
    'remit_gateways_connected 1',
  ])
    assert.ok(text.split('\n').includes(line), `${line}\n${text}`)
  assert.match(metrics.type, /^text\/plain; version=0\.0\.4/)
  assert.doesNotMatch(await metrics.text([]), /edge-2/, 'who is gone is not told of for ever')
})

test('no more names are kept than a thousand', async () => {
  const metrics = new Metrics()
  for (let place = 0; place < 1_200; place += 1) metrics.stopped(`edge-${place}`, 1)
  const text = await metrics.text([])
  assert.equal(text.split('\n').filter((line) => line.startsWith('remit_stop_seconds_count')).length, 1_000)
})
