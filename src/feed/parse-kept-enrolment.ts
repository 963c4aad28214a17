/** Reads back what a gateway keeps of its enrolment between its runs. */
import type { Result } from '../kernel/result.ts'
import type { FedSelf } from './fed-parts.ts'
import { readMessage } from './parse-members.ts'

/** Refuses `feed.unreadable` on what was not written by `remit gateway`. */
export function parseKeptEnrolment(
  text: string,
): Result<{ readonly self: FedSelf; readonly code: string; readonly authority: string; readonly certificate: string }> {
  return readMessage(text, (kept) => {
    const { self, code, authority, certificate } = kept.members(['self', 'code', 'authority', 'certificate'])
    const { id, space, name, gateway } = self.members(['id', 'space', 'name', 'gateway'])
    return {
      self: { id: id.id('gtw'), space: space.text(64), name: name.text(64), gateway: gateway.text(64) },
      code: code.hex(32),
      authority: authority.text(8_192),
      certificate: certificate.text(8_192),
    }
  })
}

export function parseKeptEpoch(text: string): Result<number> {
  return readMessage(text, (kept) => kept.members(['epoch']).epoch.number(0))
}
