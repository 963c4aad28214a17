/**
 * `npm run bench`: the HTTP gateway against its upstream direct and against nginx with `auth_request`, start-up, idle memory,
 * revoke to cut, decisions beside other engines, in one run on this machine. Ends with an error when something could not be measured, never for a slow figure.
 *
 * `npm run bench -- --rounds 5 --seconds 3` measures longer; `--only gateway`, `decisions`, `publish`, `mcp`, `feed` or `nodes` leaves the rest out.
 */
import { appendFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { cpus, tmpdir, totalmem } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { exchangeCredential } from '../src/sdk/credentials.ts'
import { root } from '../tools/files.ts'
import { runProgram } from '../tools/programs.ts'
import { isBuildFresh } from './build-age.ts'
import type { Desk } from './desk.ts'
import type { FeedFigures } from './feed.ts'
import { type Authzen, measureAuthzen, writeApplication } from './authzen.ts'
import type { Decisions } from './decisions.ts'
import { measureGateway } from './gateway.ts'
import { demoConfiguration, measureIdle, measureStarts } from './house-keeping.ts'
import { endAll, shareCores, stayOn } from './processes.ts'
import { type Cast, gather, grantFor, type RunningRemit, startRemit, writeConfiguration } from './remit.ts'
import { type McpFigures, measureMcp, startMcpServer, writeMcpService } from './mcp.ts'
import { type Results, summary, verdictLines } from './report.ts'
import type { LargeChanges } from './large-change.ts'
import type { Publishes } from './publish.ts'
import type { Scale } from './scale.ts'
import { feedStreams, revokeUnderStreams, startFeed } from './streams.ts'
import { startUpstream } from './nginx.ts'
import type { NodesFigures } from './nodes.ts'

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '3' }, seconds: { type: 'string', default: '2' }, only: { type: 'string' } },
})
const rounds = Math.max(3, Number(values.rounds))
const seconds = Math.max(1, Number(values.seconds))
const streamsPerRevocation = 200
const isAll = values.only === undefined
const isPart = (name: string) => isAll || values.only === name

const cores = shareCores()
stayOn(cores.around)
const folder = await mkdtemp(join(tmpdir(), 'remit-bench-'))
const began = performance.now()

try {
  await main()
} finally {
  await endAll()
  await rm(folder, { recursive: true, force: true })
}

async function main(): Promise<void> {
  await build()
  const feed = await startFeed()
  const upstream = await startUpstream(join(folder, 'upstream'), cores.around)
  const configuration = await writeConfiguration(join(folder, 'configuration'), { shop: upstream, feed: feed.origin })
  const server = isPart('mcp') ? await startMcpServer(cores) : undefined
  // Services stand last in the file.
  if (server !== undefined) await appendFile(configuration, await writeMcpService(join(folder, 'configuration'), server))
  if (isPart('decisions')) await appendFile(configuration, await writeApplication(join(folder, 'configuration')))
  const results: Results = { machine: machine(), cores: cores.says, rounds, seconds }

  const housekeeping = isAll ? await measureHousekeeping() : undefined
  tell('setting up people, a bot and a grant through the API')
  const remit = await startRemit({ data: join(folder, 'data'), built: true, on: cores.tested, configuration })
  const cast = await gather(remit)
  // The idle one was left alone meanwhile.
  const idle = await housekeeping?.idle()

  const gateway = isPart('gateway') ? await measureRequests() : undefined
  const cuts = isAll ? await measureCuts() : undefined
  const changes = await measureChanges()
  const far = isPart('feed')
    ? await measured<FeedFigures>('feed.ts', 'gateways in processes of their own: stopping, feeding, loading')
    : undefined
  const decisions = isPart('decisions')
    ? await measured<Decisions>('decisions.ts', 'decisions beside cedar-wasm and casbin, up to 10,000 policies')
    : undefined
  const authzen = isPart('decisions') ? await measureQuestions() : undefined
  const mcp = server === undefined ? undefined : await measureTools(server, remit, cast)
  const nodes = isPart('nodes') ? await measured<NodesFigures>('nodes.ts', 'several control nodes on one PostgreSQL') : undefined
  const measuredParts = { gateway, starts: housekeeping?.starts, idle, cuts, ...changes, feed: far, nodes, decisions, authzen, mcp }
  const whole: Results = { ...results, ...withoutGaps(measuredParts) }
  await remit.stop()
  feed.close()
  process.stdout.write(`\n${[...summary(whole), '', ...verdictLines(whole)].join('\n')}\n`)
  await keep(whole)

  async function measureRequests() {
    return measureGateway({
      folder,
      cores,
      rounds,
      seconds,
      upstream,
      remit: remit.gateways['shop'] ?? '',
      token: (await grantFor(cast, ['shop/get-item', 'shop/put-item', 'shop/put-price'])).token,
      tell,
    })
  }

  async function measureQuestions(): Promise<Authzen> {
    const { secret } = await cast.ana.issueSecret('load-bot', '1h')
    const { access_token: token } = await exchangeCredential({ url: remit.url, fetch }, { credential: { secret } })
    return measureAuthzen({ folder: join(folder, 'configuration'), cores, rounds, seconds, remit: remit.url, token, tell })
  }

  async function measureCuts() {
    tell(`revoking under ${streamsPerRevocation} streams`)
    const measured = []
    for (let round = 0; round < rounds; round += 1) {
      const grant = await grantFor(cast, ['feed/follow'])
      const gateway = remit.gateways['feed'] ?? ''
      measured.push(await revokeUnderStreams(gateway, grant, cast.ana, feedStreams(gateway, grant.token, streamsPerRevocation)))
    }
    return measured
  }
}

function measureTools(server: string, { gateways }: RunningRemit, cast: Cast): Promise<McpFigures> {
  const gateway = gateways['tools'] ?? ''
  return measureMcp({ cores, rounds, seconds, server, gateway, ana: cast.ana, grantFor: (scope) => grantFor(cast, scope), tell })
}

async function measureHousekeeping() {
  tell('start-up, first and again, built and from source')
  const starts = await measureStarts({ folder: join(folder, 'starts'), on: cores.all, runs: 5 })
  const resting = await startRemit({ data: join(folder, 'idle'), built: true, on: cores.all, configuration: demoConfiguration })
  const readyAt = performance.now()
  return { starts, idle: () => measureIdle(resting, readyAt) }
}

/** What was not measured is not there. */
function withoutGaps<T extends object>(parts: T): { readonly [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(parts).filter(([, value]) => value !== undefined)) as {
    readonly [K in keyof T]?: NonNullable<T[K]>
  }
}

/** What changes cost: of facts, at the desk, of people, of policies. */
async function measureChanges() {
  const scale = isAll ? await measured<Scale>('scale.ts', 'deciding and changing among 100,000 identities and 10,000 grants') : undefined
  const desk = isAll ? await measured<Desk>('desk.ts', 'changing what is kept at the desk, on a file') : undefined
  const large = isAll ? await measured<LargeChanges>('large-change.ts', 'change-sets among 100,000 identities') : undefined
  const publish = isPart('publish') ? await measured<Publishes>('publish.ts', 'replacing a thousand policies, on a file') : undefined
  return { scale, desk, large, publish }
}

/** What another file here measures, in a process of its own, so that its hundred thousand identities weigh on nothing else. */
async function measured<T>(file: string, says: string): Promise<T> {
  tell(says)
  const ran = await runProgram(process.execPath, [fileURLToPath(new URL(file, import.meta.url))])
  if (ran.code !== 0) throw new Error(`bench/${file} could not measure\n${ran.err}`)
  return JSON.parse(ran.out) as T
}

async function build(): Promise<void> {
  if (isBuildFresh()) return
  tell('building')
  const built = await runProgram(process.execPath, [join(root, 'tools', 'build.ts')])
  if (built.code !== 0) throw new Error(`the build failed\n${built.out}${built.err}`)
}

function machine(): Results['machine'] {
  const [first] = cpus()
  return {
    processor: first?.model ?? 'unknown',
    cores: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    system: `${process.platform} ${process.arch}`,
    node: process.version,
  }
}

async function keep(results: Results): Promise<void> {
  const target = fileURLToPath(new URL('results', import.meta.url))
  await mkdir(target, { recursive: true })
  const at = new Date().toISOString()
  const name = `${at.replaceAll(/[:.]/g, '-')}.json`
  await writeFile(join(target, name), `${JSON.stringify({ at, ...results }, undefined, 2)}\n`)
  process.stdout.write(`\nkept in bench/results/${name}; took ${((performance.now() - began) / 1_000).toFixed(0)} s\n`)
}

function tell(text: string): void {
  process.stderr.write(`bench: ${text}\n`)
}
