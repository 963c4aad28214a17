/** Latency at low load: requests at a steady pace that wait for nobody (open loop), over bare sockets, in turns between the targets. */
import { connect, type Socket } from 'node:net'
import type { Target } from './wrk.ts'

const everyMs = 5
const blockRequests = 80

/** Milliseconds from the write of a request to the last byte of its answer, by target. 200 requests a second; each target in turn. */
export async function probe(targets: readonly Target[], blocks: number): Promise<ReadonlyMap<string, readonly number[]>> {
  const lines = targets.map((target) => new Line(target))
  const found = new Map<string, number[]>()
  try {
    for (let block = 0; block < blocks; block += 1) {
      for (const line of lines) {
        const times = await oneBlock(line)
        found.set(line.target.name, [...(found.get(line.target.name) ?? []), ...times])
      }
    }
    return found
  } finally {
    for (const line of lines) line.close()
  }
}

async function oneBlock(line: Line): Promise<number[]> {
  // The first of a block finds caches that the others have left: it warms them and is not counted.
  for (let warm = 0; warm < 5; warm += 1) await line.ask()
  const answers: Promise<number>[] = []
  for (let sent = 0; sent < blockRequests; sent += 1) {
    await new Promise((resolve) => setTimeout(resolve, everyMs))
    answers.push(line.ask())
  }
  return Promise.all(answers)
}

/** Connections to one target: a request takes a free one, or a new one when the earlier answers are not there yet. */
class Line {
  readonly target: Target
  readonly #request: string
  readonly #free: Socket[] = []
  readonly #all = new Set<Socket>()

  constructor(target: Target) {
    this.target = target
    const { method, path, origin, token, body } = target
    const host = origin.slice('http://'.length)
    const length = body === undefined ? '' : `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n`
    this.#request = `${method} ${path} HTTP/1.1\r\nHost: ${host}\r\nAuthorization: Bearer ${token}\r\n${length}\r\n${body ?? ''}`
  }

  async ask(): Promise<number> {
    const socket = this.#free.pop() ?? (await this.#open())
    const began = performance.now()
    await this.#exchange(socket)
    const took = performance.now() - began
    this.#free.push(socket)
    return took
  }

  close(): void {
    for (const socket of this.#all) socket.destroy()
  }

  #open(): Promise<Socket> {
    const { hostname, port } = new URL(this.target.origin)
    return new Promise((resolve, reject) => {
      const socket = connect({ host: hostname, port: Number(port), noDelay: true })
      this.#all.add(socket)
      socket
        .setEncoding('latin1')
        .once('error', reject)
        .once('connect', () => resolve(socket))
    })
  }

  #exchange(socket: Socket): Promise<void> {
    return new Promise((resolve, reject) => {
      let text = ''
      const onClose = () => reject(new Error(`${this.target.name} closed the connection`))
      const onData = (chunk: string) => {
        text += chunk
        const head = text.indexOf('\r\n\r\n')
        if (head < 0) return
        const [, length] = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, head + 2)) ?? []
        if (length !== undefined && text.length < head + 4 + Number(length)) return
        socket.off('data', onData).off('close', onClose)
        if (length !== undefined && text.startsWith('HTTP/1.1 200 ')) resolve()
        else reject(new Error(`${this.target.name} answered ${text.slice(0, 300)}`))
      }
      socket.on('data', onData).on('close', onClose)
      socket.write(this.#request)
    })
  }
}
