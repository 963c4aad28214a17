import assert from 'node:assert/strict'
import { afterEach, beforeEach, test } from 'node:test'
import { ok } from '../../test/cli/command-rows.ts'
import { ContractServer, holdId, instant, refusal, waitingHold } from '../../test/cli/contract-server.ts'
import { tryCli } from '../../test/cli/try-cli.ts'
import type { RecentView } from '../wire/holds.ts'

let server: ContractServer

beforeEach(async () => {
  server = await ContractServer.open()
  server.on(`GET /v1/holds/${holdId}`, ok(waitingHold))
})
afterEach(() => server.close())

const say = (line: string) => tryCli(line.split(' '), { env: { REMIT_URL: server.url, REMIT_SECRET: 'rmt_secret', COLUMNS: '200' } })

const recent: RecentView = {
  hold: holdId,
  actor: 'ops-agent',
  resource: 'shop/restart',
  actions: [
    {
      at: instant(-60_000),
      outcome: 'denied',
      refusal: 'action.forbidden',
      times: 3,
      arguments: { service: { value: 'till\u001b[2J' }, after: { value: 30 } },
      differs: ['service'],
      grant: 'grn_01JC0000000000000000000002',
      task: { kind: 'incident' },
      sameGrant: false,
    },
    { at: instant(-90_000), outcome: 'answered', status: 200, arguments: {}, differs: [], sameGrant: true },
  ],
  compared: [
    {
      argument: 'service',
      is: 'new',
      now: { value: 'checkout' },
      before: [{ value: 'web' }, { start: '"xxx', length: 5_002, sha256: 'ab'.repeat(32) }],
    },
    { argument: 'after', is: 'beyond', now: { value: 900 }, before: [{ value: 30 }, { value: 60 }] },
    { argument: 'note', is: 'same', now: { value: '' }, before: [{ value: '' }] },
  ],
  comparedWith: 2,
  counts: { thisGrant: { allowed: 1, held: 0, denied: 0 }, otherGrants: { allowed: 1, held: 0, denied: 3, grants: 1 } },
  looked: { since: instant(-7 * 86_400_000), until: instant(0), from: instant(-3_600_000), cut: 'limit', elsewhere: ['edge-1'] },
}

test('a held action is shown with what was done before it, what differs most first', async () => {
  server.on(`GET /v1/holds/${holdId}/recent`, ok(recent))
  const { out, exitCode } = await say(`hold ${holdId}`)
  assert.equal(exitCode, 0)
  assert.equal(
    out.slice(out.indexOf('The last times')),
    [
      'The last times',
      '  shop/restart by ops-agent, under this grant: once let through',
      '  shop/restart by ops-agent, under one other grant: once let through, 3 times refused',
      '  beside the last 2 that were let through:',
      '    after is 900 now, beyond what it was: 30 to 60',
      '    service is "checkout" now, never seen; it was "web", "xxx… (5002 characters, SHA-256 abababababab…)',
      '  2026-01-02 09:59:00Z (1m ago)  refused, 3 times in a row: a guardrail forbids this action: service = "till\\u001b[2J", in another task (incident)',
      '  2026-01-02 09:58:30Z (1m30s ago)  answered 200: the same arguments',
      '  looked back to 2026-01-02 09:00 UTC and no further: there is more on record than is read for one question',
      '  not looked at: the journals kept elsewhere, of edge-1; of what went through there only what was held is known here',
      '',
    ].join('\n'),
  )
  const json = JSON.parse((await say(`hold ${holdId} --json`)).out)
  assert.deepEqual([json.id, json.recent.comparedWith], [holdId, 2])
})

test('before a person is led to the page they read it too', async () => {
  server.on(`GET /v1/holds/${holdId}/recent`, ok(recent))
  const { err } = await say(`approve ${holdId}`)
  assert.match(err, /after is 900 now, beyond what it was: 30 to 60[^]*approve it here: http:\/\/pages\.example\/holds\//)
})

test('where it cannot be read the hold is shown all the same, and that is said', async () => {
  server.on(`GET /v1/holds/${holdId}/recent`, () => refusal('rate.exceeded', 429))
  const { out, err, exitCode } = await say(`hold ${holdId}`)
  assert.equal(exitCode, 0)
  assert.match(out, /service = "checkout"/)
  assert.match(err, /what was done before could not be read/)
})

test('what nobody did before is said so, and is nothing to compare with', async () => {
  const none = { allowed: 0, held: 0, denied: 0 }
  const first: RecentView = {
    ...recent,
    actions: [],
    compared: [],
    comparedWith: 0,
    counts: { thisGrant: none, otherGrants: { ...none, grants: 0 } },
    looked: { since: instant(-7 * 86_400_000), until: instant(0), elsewhere: [] },
  }
  server.on(`GET /v1/holds/${holdId}/recent`, ok(first))
  const { out } = await say(`hold ${holdId}`)
  assert.match(out, /never before, as far as is on record here\n  no journal here has anything on record\n$/)
})
