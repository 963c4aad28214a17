/** What a process that has no certificate yet says to control, and what it hears: one request, one answer, on a connection of its own. */
import type { GatewayId } from '../kernel/ids.ts'
import type { RefusalCode } from '../kernel/refusals.ts'

export interface EnrolRequest {
  readonly type: 'enrol'
  /** The secret part of the code. */
  readonly code: string
  /** A certificate request (PKCS #10, PEM), signed by the key that it is to be enrolled under. */
  readonly request: string
  /** vkey of its journal. */
  readonly journal: string
}

export type EnrolAnswer =
  | {
      readonly type: 'enrolled'
      readonly id: GatewayId
      readonly space: string
      readonly name: string
      readonly gateway: string
      /** PEM. */
      readonly certificate: string
    }
  | { readonly type: 'refused'; readonly code: RefusalCode }

/** A request or an answer is not longer. */
export const enrolBytesMax = 32_768

export interface EnrolCode {
  readonly secret: string
  /** SHA-256 of the authority that vouches for control, in base64url. */
  readonly fingerprint: string
}

/** `gwc_<secret>.<fingerprint>`, or nothing where it is none. */
export function readEnrolCode(text: string): EnrolCode | undefined {
  const [, secret, fingerprint] = /^gwc_([0-9a-f]{40})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  return secret === undefined || fingerprint === undefined ? undefined : { secret, fingerprint }
}

export function writeEnrolCode({ secret, fingerprint }: EnrolCode): string {
  return `gwc_${secret}.${fingerprint}`
}
