/** What the endpoints of an authorization share: the request behind a page read anew each time, and the way back to the client. */
import { z } from 'zod'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { type Back, readAuthorization, type ReadAuthorization } from '../control/authorization-code-request.ts'
import { type ClientDocument, parseClientId, readClientDocument } from '../model/client-documents.ts'
import { readForm } from './forms.ts'
import { mcpEndpoints } from './mcp-endpoints.ts'
import type { ApiParts } from './parts.ts'

/** RFC 6749 § 3.1: what is not known is left alone. */
export const askedAuthorization = z.looseObject({
  client_id: z.string().max(512).optional(),
  redirect_uri: z.string().max(1_000).optional(),
  response_type: z.string().max(100).optional(),
  response_mode: z.string().max(100).optional(),
  scope: z.string().max(2_000).optional(),
  state: z.string().max(2_000).optional(),
  code_challenge: z.string().max(200).optional(),
  code_challenge_method: z.string().max(100).optional(),
  resource: z.string().max(1_000).optional(),
})
export type Asked = z.output<typeof askedAuthorization>

/** The request as it stood in the page's address. */
export const requestText = z.string().max(8_000)

export interface Asking {
  readonly client: ClientDocument
  readonly read: ReadAuthorization
}

/** Reads a request by what its client says of itself now. Refuses `client.invalid` where nothing may be sent back. */
export async function readAsked(api: ApiParts, asked: Asked): Promise<Result<Asking>> {
  const { clientDocuments } = api
  if (clientDocuments === undefined) return refuse('client.invalid', { detail: 'no clients are let in here' })
  if (asked.client_id === undefined) return refuse('client.invalid', { detail: 'client_id is missing' })
  const url = parseClientId(asked.client_id, clientDocuments)
  if (!url.ok) return url
  const document = await clientDocuments.read(url.value)
  if (!document.ok) return document
  const client = readClientDocument(asked.client_id, document.value)
  if (!client.ok) return client
  const read = readAuthorization(asked, client.value, mcpEndpoints(api))
  return read.ok ? done({ client: client.value, read: read.value }) : read
}

/** The same from the text of the request. */
export async function readAskedText(api: ApiParts, text: string): Promise<Result<Asking>> {
  const form = readForm(text)
  if (!form.ok) return form
  const asked = askedAuthorization.safeParse(form.value)
  return asked.success ? readAsked(api, asked.data) : refuse('client.invalid', { detail: 'the request is no request for an authorization' })
}

/** The client's address with the answer in its query; `iss` says whose it is (RFC 9207). */
export function backTo(api: Pick<ApiParts, 'desk'>, { redirect, state }: Back, answer: Readonly<Record<string, string>>): string {
  const query = new URLSearchParams({ ...answer, ...(state === undefined ? {} : { state }), iss: api.desk.pages().origin })
  // What stands in the address already stays as it is, to the byte.
  return `${redirect}${redirect.includes('?') ? '&' : '?'}${query.toString()}`
}
