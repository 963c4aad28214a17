/** One HTTP call as it stands on the wire, Host and all: fetch would not let a test send what a rogue client may. */
import { request } from 'node:http'

export interface Sent {
  readonly method: string
  readonly path: string
  /** Another address of this machine to call from. */
  readonly from?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

export interface Answered {
  readonly status: number
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: string
}

export function call(port: number, sent: Sent): Promise<Answered> {
  const { method, path, headers = {}, body, from } = sent
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: '127.0.0.1',
        port,
        method,
        path,
        agent: false,
        ...(from === undefined ? {} : { localAddress: from }),
        headers: { host: `localhost:${port}`, ...headers },
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('end', () =>
          resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: Buffer.concat(chunks).toString() }),
        )
        incoming.on('error', reject)
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

export function asJson(value: unknown): Pick<Sent, 'headers' | 'body'> {
  return { headers: { 'content-type': 'application/json' }, body: JSON.stringify(value) }
}
