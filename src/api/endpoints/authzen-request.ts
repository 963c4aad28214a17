/** POST /access/v1/requests: asks for what AuthZEN was told no to, where the denial said that it could be asked for (draft profile). */
import { z } from 'zod'
import { requestAccess } from '../../control/authzen-requests.ts'
import { done } from '../../kernel/result.ts'
import type { AuthZenTask } from '../../wire/authzen.ts'
import { json } from '../answers.ts'
import { accessEndpoint } from '../authzen/access-endpoint.ts'
import { accessTask } from '../authzen/access-tasks.ts'
import { readAccessRequest } from '../authzen/parse-access-request.ts'

const object = z.object()

export const requestDeniedAccess = accessEndpoint(
  {
    says: 'AuthZEN, draft profile for access requests: asks for a grant of what was denied, with the binding that the denial gave',
    path: '/access/v1/requests',
    perMinuteMax: 60,
    records: ['grant.requested', 'grant.approved'],
    bodyBytesMax: 65_536,
    input: z.object({
      subject: object,
      action: object,
      resource: object,
      context: object.optional(),
      requested_access: object.optional(),
      denial: object,
    }),
  },
  {
    read: readAccessRequest,
    answer: async (api, { caller }, request) => {
      const granted = await requestAccess(api.desk, caller, request)
      if (!granted.ok) return granted
      const task: AuthZenTask = accessTask(api.desk, granted.value)
      return done(json(task, { status: task.task.status === 'pending' ? 202 : 201 }))
    },
  },
)
