/** Asks a real server in AuthZEN, and reads what comes back. */
import { call, type Answered } from '../api/calls.ts'

export interface Told extends Answered {
  readonly json: Readonly<Record<string, unknown>>
}

export interface Way {
  readonly port: number
  readonly token?: string
  /** Before `/access/v1`, for an application. */
  readonly base?: string
}

export async function post(
  { port, token, base = '' }: Way,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<Told> {
  const answered = await call(port, {
    method: 'POST',
    path: `${base}/access/v1/${path}`,
    body: typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    headers: {
      'content-type': 'application/json',
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...headers,
    },
  })
  return { ...answered, json: readObject(answered.body) }
}

export function readObject(text: string): Readonly<Record<string, unknown>> {
  const read: unknown = text.startsWith('{') ? JSON.parse(text) : {}
  return read as Readonly<Record<string, unknown>>
}
