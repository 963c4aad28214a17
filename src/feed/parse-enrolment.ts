/** Reads what is said when a gateway enrols: strictly, on both sides. */
import { isRefusalCode } from '../kernel/refusals.ts'
import type { Result } from '../kernel/result.ts'
import type { EnrolAnswer, EnrolRequest } from './enrolment.ts'
import { readMessage } from './parse-members.ts'

/** Refuses `feed.unreadable`. */
export function parseEnrolRequest(text: string): Result<EnrolRequest> {
  return readMessage(text, (message): EnrolRequest => {
    const { type, code, request, journal } = message.members(['type', 'code', 'request', 'journal'])
    return { type: type.oneOf(['enrol']), code: code.text(128), request: request.text(8_192), journal: journal.text(512) }
  })
}

/** Refuses `feed.unreadable`. */
export function parseEnrolAnswer(text: string): Result<EnrolAnswer> {
  return readMessage(text, (message): EnrolAnswer => {
    if (Object.hasOwn(message.object(), 'code')) {
      const { type, code } = message.members(['type', 'code'])
      const read = code.text(64)
      return { type: type.oneOf(['refused']), code: isRefusalCode(read) ? read : 'enrolment.refused' }
    }
    const { type, id, space, name, gateway, certificate } = message.members(['type', 'id', 'space', 'name', 'gateway', 'certificate'])
    return {
      type: type.oneOf(['enrolled']),
      id: id.id('gtw'),
      space: space.text(64),
      name: name.text(64),
      gateway: gateway.text(64),
      certificate: certificate.text(8_192),
    }
  })
}
