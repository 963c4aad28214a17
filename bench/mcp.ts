/** The MCP gateway against its server direct, in turns: calls small and large, five hundred at once, a long list of which little is granted, and cuts. */
import { writeFile } from 'node:fs/promises'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Remit } from '../src/sdk/remit.ts'
import { percentile } from './figures.ts'
import { noticeEveryMs, toolCount, toolName } from './mcp-server.ts'
import { firstLine, keptAwake, type Shares, start } from './processes.ts'
import { Steadiness } from './steadiness.ts'
import { type CutRound, revokeUnderStreams } from './streams.ts'
import { load, type LoadRun, type Target } from './wrk.ts'

/** What is timed one call after the other. */
export const mcpCalls = {
  small: 'tools/call, 1 kB asked and answered',
  argument: 'tools/call, an argument of 1 MB',
  answer: 'tools/call, an answer of 1 MB',
  list: `tools/list, 10 granted of ${toolCount.toLocaleString('en')}`,
} as const
export type McpCall = keyof typeof mcpCalls
export const mcpCallNames = ['small', 'argument', 'answer', 'list'] as const satisfies readonly McpCall[]

export interface McpTimes {
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** By what is called: one entry a round, of those in which there is something to tell. */
export interface McpSides {
  readonly direct: Readonly<Record<McpCall, readonly McpTimes[]>>
  readonly remit: Readonly<Record<McpCall, readonly McpTimes[]>>
}

export interface McpFigures extends McpSides {
  /** Of these, what was timed while the gateway's core was its own. */
  readonly undisturbed: McpSides
  /** How many series there were, in how many of them the core was its own, and how many times as long the same work took at its worst. */
  readonly steadiness: { readonly series: number; readonly undisturbed: number; readonly worst: number }
  /** The same where cores may sleep between the calls. */
  readonly asleep: McpSides
  /** Calls that are under way at the same time, each on a connection of its own. */
  readonly concurrent: { readonly calls: number; readonly direct: readonly LoadRun[]; readonly remit: readonly LoadRun[] }
  readonly cuts: readonly CutRound[]
}

/** The server's endpoint. */
export async function startMcpServer(cores: Shares): Promise<string> {
  const server = start([process.execPath, fileURLToPath(new URL('mcp-server.ts', import.meta.url))], { on: cores.around })
  return (JSON.parse(await firstLine(server)) as { readonly url: string }).url
}

/** What `remit.yaml` has to say of it, at the end of its services; writes the policy that lets the bot ask. */
export async function writeMcpService(folder: string, server: string): Promise<string> {
  const policy = `@id("load-bots-may-call") @duration("30m") @maxDuration("1h")
permit (principal in Role::"load-bots", action == Action::"request", resource in Server::"tools")
when { context.task.kind == "load" };
`
  await writeFile(join(folder, 'policies', 'mcp.cedar'), policy)
  const given = 'arguments: [{ name: text }, { name: size, type: long }]'
  const tools = Array.from({ length: toolCount }, (_, place) => `      - { name: ${toolName(place)}, effect: execute, ${given} }`)
  return `  - name: tools
    protocol: mcp
    upstream: ${server}
    environment: prod
    impact: { data: low, service: low, safety: none }
    tools:
      - { name: follow, effect: read }
${tools.join('\n')}
`
}

const streamsPerRevocation = 200
const concurrentCalls = 500
/** Of each side in each series. */
const callsPerSeries = { small: 50, argument: 20, answer: 20, list: 8 } as const
/** Of each call in each round, spread over it: what else the machine does comes and goes within seconds. */
const seriesPerRound = 16
const warmUp = 5
/** Before the first round: a gateway runs for weeks, and the platform compiles what is called often bit by bit, on all three sides. */
const warmUpRounds = 4
const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientInfo': { name: 'bench', version: '1.0.0' },
  'io.modelcontextprotocol/clientCapabilities': {},
}
const megabyte = 1_000_000

export interface McpInput {
  readonly cores: Shares
  readonly rounds: number
  readonly seconds: number
  /** Endpoints of the server and of the gateway before it. */
  readonly server: string
  readonly gateway: string
  /** Revokes. */
  readonly ana: Remit
  readonly grantFor: (scope: readonly string[]) => Promise<{ readonly id: string; readonly token: string }>
  readonly tell: (text: string) => void
}

export async function measureMcp(input: McpInput): Promise<McpFigures> {
  const { cores, rounds, seconds, server, gateway, ana, grantFor, tell } = input
  const { token } = await grantFor(Array.from({ length: 10 }, (_, place) => `tools/${toolName(place)}`))
  const sides = { direct: new Side(server, token), remit: new Side(gateway, token) }
  const steadiness = new Steadiness(cores.tested)
  const awake: Series[] = []
  const asleep: Series[] = []
  const concurrent: { direct: LoadRun[]; remit: LoadRun[] } = { direct: [], remit: [] }
  for (let round = 1 - warmUpRounds; round <= rounds; round += 1) {
    const counts = round > 0
    const says = counts ? `round ${round} of ${rounds}` : 'warming up'
    tell(`MCP, ${says}: one call after the other`)
    for (let turn = 0; turn < seriesPerRound; turn += 1) {
      for (const name of mcpCallNames) {
        if (!counts) {
          await inTurns(sides, name)
          continue
        }
        const before = await steadiness.look()
        const times = await keptAwake(cores, () => inTurns(sides, name))
        const work = Math.max(before, await steadiness.look())
        awake.push({ name, round, work, ...times })
        asleep.push({ name, round, work, ...(await inTurns(sides, name)) })
      }
    }
    tell(`MCP, ${says}: ${concurrentCalls} calls at once`)
    for (const side of ['direct', 'remit'] as const) {
      const run = await load(sides[side].target('small'), { connections: concurrentCalls, seconds, on: cores.around, someWait: true })
      if (counts) concurrent[side].push(run)
    }
  }
  for (const side of Object.values(sides)) side.close()
  await steadiness.close()
  const alone = awake.filter(({ work }) => !steadiness.isDisturbed(work))
  tell(`MCP: revoking under ${streamsPerRevocation} streams`)
  const cuts: CutRound[] = []
  for (let round = 0; round < rounds; round += 1) {
    const grant = await grantFor(['tools/follow'])
    const asks = rawCall(gateway, grant.token)
    cuts.push(
      await revokeUnderStreams(gateway, grant, ana, { count: streamsPerRevocation, asks, sign: 'notifications/progress', noticeEveryMs }),
    )
  }
  return {
    ...byRound(awake),
    undisturbed: byRound(alone),
    steadiness: { series: awake.length, undisturbed: alone.length, worst: steadiness.worst },
    asleep: byRound(asleep),
    concurrent: { calls: concurrentCalls, ...concurrent },
    cuts,
  }
}

/** Milliseconds of calls in turns, and how long the fixed piece of work took about them. */
interface Series extends Readonly<Record<keyof McpSides, readonly number[]>> {
  readonly name: McpCall
  readonly round: number
  readonly work: number
}

function byRound(series: readonly Series[]): McpSides {
  const rounds = [...new Set(series.map(({ round }) => round))]
  const of = (side: keyof McpSides, name: McpCall): readonly McpTimes[] =>
    rounds
      .map((round) => series.filter((each) => each.name === name && each.round === round).flatMap((each) => each[side]))
      .filter((times) => times.length > 0)
      .map(describe)
  const all = (side: keyof McpSides) => ({
    small: of(side, 'small'),
    argument: of(side, 'argument'),
    answer: of(side, 'answer'),
    list: of(side, 'list'),
  })
  return { direct: all('direct'), remit: all('remit') }
}

function describe(times: readonly number[]): McpTimes {
  const sorted = times.toSorted((left, right) => left - right)
  return { p50: percentile(sorted, 50), p99: percentile(sorted, 99) }
}

/** One call to the server, one through the gateway, and again: whatever else the machine does falls on both alike. */
async function inTurns({ direct, remit }: Readonly<Record<'direct' | 'remit', Side>>, name: McpCall) {
  const times: { direct: number[]; remit: number[] } = { direct: [], remit: [] }
  for (let warm = 0; warm < warmUp; warm += 1) {
    await direct.call(name)
    await remit.call(name)
  }
  for (let count = 0; count < callsPerSeries[name]; count += 1) {
    times.direct.push(await direct.call(name))
    times.remit.push(await remit.call(name))
  }
  return times
}

function bodyOf(name: McpCall): string {
  const params = name === 'list' ? { _meta: meta } : { name: toolName(3), arguments: argumentsOf(name), _meta: meta }
  return JSON.stringify({ jsonrpc: '2.0', id: 7, method: name === 'list' ? 'tools/list' : 'tools/call', params })
}

function argumentsOf(name: Exclude<McpCall, 'list'>): object {
  if (name === 'small') return { text: 'y'.repeat(600), size: 900 }
  return name === 'argument' ? { text: 'y'.repeat(megabyte), size: 900 } : { text: 'y', size: megabyte }
}

function headersOf(method: string, tool: string | undefined): Readonly<Record<string, string>> {
  return {
    'content-type': 'application/json',
    accept: 'application/json, text/event-stream',
    'mcp-protocol-version': '2026-07-28',
    'mcp-method': method,
    ...(tool === undefined ? {} : { 'mcp-name': tool }),
  }
}

/** A call of the tool that never ends, as its bytes. */
function rawCall(gateway: string, token: string): string {
  const body = JSON.stringify({
    jsonrpc: '2.0',
    id: 1,
    method: 'tools/call',
    params: { name: 'follow', arguments: {}, _meta: { ...meta, progressToken: 1 } },
  })
  const all = { host: new URL(gateway).host, authorization: `Bearer ${token}`, ...headersOf('tools/call', 'follow') }
  const head = Object.entries({ ...all, 'content-length': `${Buffer.byteLength(body)}` }).map(([name, value]) => `${name}: ${value}`)
  return `POST ${new URL(gateway).pathname} HTTP/1.1\r\n${head.join('\r\n')}\r\n\r\n${body}`
}

/** The server or the gateway, over one connection that is kept. */
class Side {
  readonly #url: string
  readonly #token: string
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 })
  readonly #bodies: Readonly<Record<McpCall, Buffer>>

  constructor(url: string, token: string) {
    this.#url = url
    this.#token = token
    const bytesOf = (name: McpCall) => Buffer.from(bodyOf(name))
    this.#bodies = { small: bytesOf('small'), argument: bytesOf('argument'), answer: bytesOf('answer'), list: bytesOf('list') }
  }

  target(name: McpCall): Target {
    const { origin, pathname } = new URL(this.#url)
    // wrk's script says itself what a body is.
    const { 'content-type': _, ...headers } = headersOf('tools/call', toolName(3))
    return { name: origin, origin, method: 'POST', path: pathname, token: this.#token, body: bodyOf(name), headers }
  }

  /** Milliseconds until the last byte. Rejects what is no result: then something else was measured. */
  call(name: McpCall): Promise<number> {
    const body = this.#bodies[name]
    const ours = name === 'list' ? headersOf('tools/list', undefined) : headersOf('tools/call', toolName(3))
    const headers = { ...ours, authorization: `Bearer ${this.#token}`, 'content-length': body.byteLength }
    return new Promise((resolve, reject) => {
      const began = performance.now()
      const sent = request(this.#url, { method: 'POST', agent: this.#agent, headers }, (response) => {
        const pieces: Buffer[] = []
        response.on('data', (piece: Buffer) => pieces.push(piece))
        response.on('error', reject)
        response.on('end', () => {
          const took = performance.now() - began
          const [beginning, end] = [pieces.slice(0, 2), pieces.slice(-2)].map((some) => Buffer.concat(some).toString())
          // A refusal is a result as well, and says so at its end.
          if (response.statusCode === 200 && beginning?.includes('"result":{') === true && end?.includes('"isError":true') !== true)
            resolve(took)
          else reject(new Error(`${this.#url} answered ${response.statusCode} ${beginning?.slice(0, 400)}`))
        })
      })
      sent.on('error', reject)
      sent.end(body)
    })
  }

  close(): void {
    this.#agent.destroy()
  }
}
