/** GET /v1/configuration: what is there, as a document. */
import { z } from 'zod'
import { done } from '../../kernel/result.ts'
import { exportConfiguration as read } from '../../control/export-configuration.ts'
import { json } from '../answers.ts'
import { endpoint } from '../endpoint.ts'

export const exportConfiguration = endpoint({
  says: 'what is there, as the document that would make it so, and its policy files; no secret is in it',
  method: 'GET',
  path: '/v1/configuration',
  caller: 'identity',
  perMinuteMax: 30,
  records: { nothing: 'it shows what whoever audits or administers may see' },
  takes: 'none',
  bodyBytesMax: 0,
  refuses: 'problem',
  input: z.strictObject({}),
  run: ({ desk }, _input, { caller }) => {
    const exported = read(desk, caller)
    return exported.ok ? done(json(exported.value)) : exported
  },
})
