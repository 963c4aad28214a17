/** The claims of a verified token with their ids read: a token of ours always has them, and anything else is none of ours. */
import { parseId } from '../kernel/ids.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import type { TokenClaims, WrittenClaims } from './ports.ts'

/** Refuses `credential.invalid`. */
export function parseClaims(written: WrittenClaims): Result<TokenClaims> {
  const { grant: writtenGrant, ...rest } = written
  const jti = parseId('tok', written.jti)
  const grant = writtenGrant === undefined ? undefined : parseId('grn', writtenGrant)
  const chain = written.chain.flatMap((link) => {
    const id = parseId('idn', link)
    return id.ok ? [id.value] : []
  })
  if (!jti.ok || grant?.ok === false || chain.length === 0 || chain.length !== written.chain.length) return refuse('credential.invalid')
  return done({ ...rest, jti: jti.value, chain, ...(grant === undefined ? {} : { grant: grant.value }) })
}
