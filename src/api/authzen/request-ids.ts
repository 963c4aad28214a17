/** X-Request-ID as AuthZEN 1.0 has it: what the caller sent goes back with the answer, whatever the answer is. */
import { refuse, type Refusal } from '../../kernel/refusals.ts'

export const requestIdHeader = 'x-request-id'
const charactersMax = 200

/** The id to send back, none, or why it is not taken: it would be cut or changed on its way back, and another one is no answer to it. */
export function readRequestId(value: string | readonly string[] | undefined): { readonly id?: string; readonly refusal?: Refusal } {
  if (value === undefined) return {}
  if (typeof value === 'string' && /^[\x20-\x7e]{1,200}$/.test(value)) return { id: value }
  return { refusal: refuse('input.malformed', { detail: `X-Request-ID is one of at most ${charactersMax} ASCII characters` }).refusal }
}
