/** One request through the gateway, with the token that `remit run` handed over, and its answer in a few words. */
export interface Knocked {
  readonly status: number
  readonly body: unknown
  /** Of a refusal: `urn:remit:refusal:…`. */
  readonly type?: string
  readonly detail?: string
}

export async function knock(
  url: string,
  options: { readonly method?: string; readonly headers?: Record<string, string>; readonly json?: unknown } = {},
): Promise<Knocked> {
  const { method = 'GET', headers = {}, json } = options
  const response = await fetch(url, {
    method,
    headers: {
      ...headers,
      authorization: `Bearer ${process.env['REMIT_TOKEN'] ?? ''}`,
      ...(json === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(json === undefined ? {} : { body: JSON.stringify(json) }),
  })
  const text = await response.text()
  const body: unknown = text === '' ? undefined : JSON.parse(text)
  if (response.headers.get('content-type')?.startsWith('application/problem+json') !== true) return { status: response.status, body }
  const problem = typeof body === 'object' && body !== null ? body : {}
  return { status: response.status, body, type: textOf(problem, 'type'), detail: textOf(problem, 'detail') }
}

function textOf(problem: object, name: string): string {
  const value: unknown = Reflect.get(problem, name)
  return typeof value === 'string' ? value : ''
}

export function describeAnswer(answer: Knocked): string {
  if (answer.type === undefined) return `${answer.status}, ${JSON.stringify(answer.body).slice(0, 90)}`
  return `${answer.status}, ${answer.detail ?? ''}`
}
