/** One run of wrk: as many requests as the connections can carry, one after another on each. */
import { fileURLToPath } from 'node:url'
import { allOutput, type Cores, start } from './processes.ts'

/** One request, to be sent again and again. */
export interface Target {
  readonly name: string
  readonly origin: string
  readonly method: 'GET' | 'PUT' | 'POST'
  readonly path: string
  readonly token: string
  readonly body?: string
  /** Beside the token. */
  readonly headers?: Readonly<Record<string, string>>
}

export interface LoadRun {
  readonly requestsPerSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
  /** Requests that waited for two seconds: of many connections that come at once, some are let in late, and count in no percentile. */
  readonly late: number
}

const script = fileURLToPath(new URL('load.lua', import.meta.url))

/** Throws when a request was refused, broke, or came late where none may: then something else was measured. */
export async function load(
  target: Target,
  how: { readonly connections: number; readonly seconds: number; readonly on: Cores; readonly someWait?: boolean },
): Promise<LoadRun> {
  const { origin, path, token, method, body, headers = {} } = target
  const more = Object.entries(headers).flatMap(([name, value]) => ['-H', `${name}: ${value}`])
  const options = [
    '-t',
    '1',
    '-c',
    `${how.connections}`,
    '-d',
    `${how.seconds}s`,
    '-s',
    script,
    '-H',
    `Authorization: Bearer ${token}`,
    ...more,
  ]
  const words = [...options, `${origin}${path}`, '--', method, ...(body === undefined ? [] : [body])]
  const text = await allOutput(start(['wrk', ...words], { on: how.on }))
  const line = text.split('\n').find((each) => each.startsWith('{'))
  if (line === undefined) throw new Error(`wrk said nothing of ${target.name}:\n${text}`)
  const read = JSON.parse(line) as Readonly<Record<'requests' | 'microseconds' | 'p50' | 'p99' | 'refused' | 'broken' | 'late', number>>
  const { requests, refused, broken, late } = read
  if (refused > 0 || broken > 0 || requests === 0 || (late > 0 && how.someWait !== true))
    throw new Error(`${target.name}: ${refused} of ${requests} requests were refused, ${broken} broke, and ${late} waited for two seconds`)
  return { requestsPerSecond: (requests * 1e6) / read.microseconds, p50: read.p50 / 1_000, p99: read.p99 / 1_000, late }
}
