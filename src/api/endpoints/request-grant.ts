/** POST /v1/grants: asks for a grant for one task. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { requestGrant as request } from '../../control/request-grant.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'
import { duration, words } from '../fields.ts'
import { oneGrantView } from '../grant-views.ts'

export const requestGrant = endpoint({
  says: 'asks for a grant: a task, a scope, a time; the answer is approved, or pending until people answer',
  method: 'POST',
  path: '/v1/grants',
  caller: 'identity',
  perMinuteMax: 60,
  records: ['grant.requested', 'grant.approved'],
  takes: 'json',
  bodyBytesMax: 65_536,
  refuses: 'problem',
  input: z.strictObject({
    task: words(64),
    statement: words(500),
    ticket: words(200).optional(),
    scope: z.array(z.string().max(1_000)).max(32),
    duration: duration.optional(),
    idle: duration.optional(),
    heartbeatSeconds: z.int().min(1).max(300).optional(),
  }),
  run: async (api, { task, statement, ticket, scope, duration, idle, heartbeatSeconds }, { caller }) => {
    const granted = await request(api.desk, caller, {
      task,
      statement,
      scope,
      ...(ticket === undefined ? {} : { ticket }),
      ...(duration === undefined ? {} : { duration }),
      ...(idle === undefined ? {} : { idle }),
      ...(heartbeatSeconds === undefined ? {} : { heartbeat: heartbeatSeconds * 1_000 }),
    })
    return granted.ok ? done(json(await oneGrantView(api.desk, granted.value), { status: 201 })) : granted
  },
})
