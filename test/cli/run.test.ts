import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import { ContractServer, grantId, refusal } from './contract-server.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-run-'))
const entry = fileURLToPath(new URL('./entry.ts', import.meta.url))
const processes: ChildProcess[] = []

after(() => {
  for (const process of processes) process.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

interface Extras {
  readonly options?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

interface Wrapper {
  readonly process: ChildProcess
  /** What was said so far. */
  readonly said: () => string
  readonly ended: Promise<{ readonly exitCode: number | null; readonly out: string; readonly err: string }>
}

/** A server of its own for one test, and `remit run` in processes of their own around commands for it. */
class Scene {
  readonly server: ContractServer

  constructor(server: ContractServer) {
    this.server = server
  }

  /** A script for this Node. */
  wrap(script: string, extras: Extras = {}): Wrapper {
    return this.wrapCommand(['--', process.execPath, '-e', script], extras)
  }

  wrapCommand(command: readonly string[], { options = [], env = {} }: Extras = {}): Wrapper {
    const words = ['run', '--task', 'release', '--can', 'shop/deploy', '--for', 'ship 1.4', ...options, ...command]
    const child = spawn(process.execPath, [entry, ...words], {
      env: { PATH: process.env['PATH'] ?? '', REMIT_URL: this.server.url, REMIT_SECRET: 'rmt_wrapper', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    processes.push(child)
    const written = { out: '', err: '' }
    child.stdout.on('data', (chunk: Buffer) => (written.out += chunk.toString()))
    child.stderr.on('data', (chunk: Buffer) => (written.err += chunk.toString()))
    const { promise, resolve } = Promise.withResolvers<Awaited<Wrapper['ended']>>()
    child.once('close', (exitCode) => resolve({ exitCode, ...written }))
    return { process: child, said: () => written.err, ended: promise }
  }

  /** The reasons with which the grant was said to be over. */
  ends(how: 'done' | 'abandon'): string[] {
    return this.server.calls(`POST /v1/grants/${grantId}/${how}`).map(({ body }) => (body as { readonly reason: string }).reason)
  }
}

function scene(says: string, play: (scene: Scene) => Promise<void>): void {
  it(says, async () => {
    const server = await ContractServer.open()
    try {
      await play(new Scene(server))
    } finally {
      await server.close()
    }
  })
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((then) => setTimeout(then, 10))
}

/** A script that writes its pid into a file when it is ready, and then does what is given. */
function ready(name: string, then: string): { readonly script: string; readonly pid: () => Promise<number> } {
  const path = join(folder, name)
  return {
    script: `${then}; require('node:fs').writeFileSync(${JSON.stringify(path)}, String(process.pid))`,
    pid: async () => {
      await until(() => existsSync(path) && readFileSync(path, 'utf8') !== '')
      return Number(readFileSync(path, 'utf8'))
    },
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

// Most of their time is waiting for processes and intervals.
describe('remit run', { concurrency: 6 }, () => {
  for (const { script, exitCode, reason } of [
    { script: 'process.exit(0)', exitCode: 0, reason: 'the command exited with 0' },
    { script: 'process.exit(42)', exitCode: 42, reason: 'the command exited with 42' },
    { script: 'process.kill(process.pid, "SIGKILL")', exitCode: 137, reason: 'the command was ended by SIGKILL' },
  ]) {
    scene(`the exit code ${exitCode} is passed on, and the grant ends with the command`, async (scene) => {
      const { exitCode: seen, out } = await scene.wrap(script).ended
      assert.equal(seen, exitCode)
      assert.equal(out, '')
      assert.deepEqual(scene.ends('done'), [reason])
      assert.equal(scene.server.grant?.state, 'ended')
    })
  }

  scene('a command that does not exist is 127, and nobody keeps its grant', async (scene) => {
    const { exitCode, err } = await scene.wrapCommand(['--', './no-such-command']).ended
    assert.equal(exitCode, 127)
    assert.match(err, /there is no such command/)
    assert.equal(scene.ends('abandon').length, 1)
  })

  scene('the command gets what it needs, and none of what proves who we are', async (scene) => {
    const { out } = await scene.wrap('console.log(JSON.stringify({ env: process.env, argv: process.argv }))', {
      env: { KEPT: 'yes', REMIT_SECRET_FILE: '', REMIT_JWT_FILE: '' },
    }).ended
    const { env, argv } = JSON.parse(out)
    assert.equal(env.KEPT, 'yes')
    assert.equal(env.REMIT_GRANT, grantId)
    assert.equal(env.REMIT_URL, scene.server.url)
    assert.equal(env.REMIT_SERVICE_SHOP_EU_1_URL, 'http://127.0.0.1:7001')
    assert.equal(env.REMIT_TOKEN, `token-for-urn:remit:main:gateway:http-grant:${grantId}`)
    for (const name of ['REMIT_SECRET', 'REMIT_SECRET_FILE', 'REMIT_JWT_FILE']) assert.equal(name in env, false, name)
    assert.doesNotMatch(out, /rmt_wrapper|token-for-control/)
    assert.doesNotMatch(argv.join(' '), /token-for/)
  })

  scene('where services of the grant are at two gateways, each has its own token', async (scene) => {
    const service = { environment: 'prod', labels: [], routes: [] }
    scene.server.on('GET /v1/services', () => ({
      status: 200,
      body: {
        services: [
          { ...service, name: 'other', gateway: 'west', url: 'http://127.0.0.1:7003' },
          { ...service, name: 'shop.eu-1', url: 'http://127.0.0.1:7001' },
          { ...service, name: 'shop', gateway: 'edge', url: 'http://127.0.0.1:7002' },
        ],
      },
    }))
    scene.server.on('POST /v1/grants', () => {
      scene.server.set('approved', { scope: ['shop/deploy,uses=1', 'read:shop.eu-1'] })
      return { status: 201, body: scene.server.grant }
    })
    const { out } = await scene.wrap('console.log(JSON.stringify(process.env))').ended
    const env = JSON.parse(out)
    assert.equal(env.REMIT_TOKEN, `token-for-urn:remit:main:gateway:edge-grant:${grantId}`)
    assert.equal(env.REMIT_SERVICE_SHOP_URL, 'http://127.0.0.1:7002')
    assert.equal(env.REMIT_SERVICE_SHOP_EU_1_TOKEN, `token-for-urn:remit:main:gateway:http-grant:${grantId}`)
    assert.equal(env.REMIT_SERVICE_OTHER_URL, 'http://127.0.0.1:7003')
    assert.equal('REMIT_SERVICE_OTHER_TOKEN' in env, false)
  })

  scene('a control token of the wrapper is not handed on', async (scene) => {
    const { out } = await scene.wrap('console.log(process.env.REMIT_TOKEN)', {
      env: { REMIT_SECRET: '', REMIT_TOKEN: 'own-control-token' },
    }).ended
    assert.equal(out, `token-for-urn:remit:main:gateway:http-grant:${grantId}\n`)
  })

  for (const { signal, number } of [
    { signal: 'SIGTERM', number: 15 },
    { signal: 'SIGINT', number: 2 },
    { signal: 'SIGHUP', number: 1 },
    { signal: 'SIGQUIT', number: 3 },
  ] as const) {
    scene(`${signal} is passed on, and the command's own answer to it counts`, async (scene) => {
      const handled = ready(`handled-${signal}`, `process.on('${signal}', () => process.exit(9)); setInterval(() => {}, 1000)`)
      const polite = scene.wrap(handled.script)
      await handled.pid()
      polite.process.kill(signal)
      assert.equal((await polite.ended).exitCode, 9)
      assert.deepEqual(scene.ends('done'), ['the command exited with 9'])

      const plain = ready(`plain-${signal}`, 'setInterval(() => {}, 1000)')
      const abrupt = scene.wrap(plain.script)
      await plain.pid()
      abrupt.process.kill(signal)
      assert.equal((await abrupt.ended).exitCode, 128 + number)
      assert.equal(scene.server.grant?.state, 'ended')
    })
  }

  scene('a wrapper that is killed outright is heard of no more', async (scene) => {
    const { script, pid } = ready('orphan', 'setInterval(() => {}, 1000)')
    const { process: wrapper } = scene.wrap(script)
    const child = await pid()
    await scene.server.called(`POST /v1/grants/${grantId}/heartbeat`, 1)
    const gone = new Promise((then) => wrapper.once('exit', then))
    wrapper.kill('SIGKILL')
    await gone
    // What it sent with its last breath may still be on the way.
    await scene.server.alone()
    const sent = scene.server.calls(`POST /v1/grants/${grantId}/heartbeat`).length
    const asked = scene.server.received.find(({ path, method }) => path === '/v1/grants' && method === 'POST')?.body as {
      heartbeatSeconds: number
    }
    // Long enough for the beat that would have come next.
    await new Promise((then) => setTimeout(then, asked.heartbeatSeconds * 1_000 + 500))
    assert.equal(scene.server.calls(`POST /v1/grants/${grantId}/heartbeat`).length, sent)
    assert.equal(scene.ends('done').length, 0)
    process.kill(child, 'SIGKILL')
  })

  scene('when the grant ends first, the command is told to stop, and it is a refusal', async (scene) => {
    const { script, pid } = ready(
      'told',
      'process.on("SIGTERM", () => { console.log("told"); process.exit(0) }); setInterval(() => {}, 1000)',
    )
    const { ended } = scene.wrap(script)
    await pid()
    scene.server.set('ended', { ending: { how: 'revoked', by: 'alice', reason: 'wrong cluster' } })
    const { exitCode, out, err } = await ended
    assert.equal(exitCode, 3)
    assert.equal(out, 'told\n')
    assert.match(err, /the grant ended, revoked by alice: wrong cluster; the command is told to stop/)
  })

  scene('a command that will not stop is killed', async (scene) => {
    const { script, pid } = ready('stubborn', 'process.on("SIGTERM", () => {}); setInterval(() => {}, 1000)')
    const { ended } = scene.wrap(script)
    const child = await pid()
    scene.server.set('ended', { ending: { how: 'expired', by: 'remit', reason: 'its time is up' } })
    assert.equal((await ended).exitCode, 3)
    assert.equal(isAlive(child), false)
  })

  scene('a command whose uses are spent may finish in peace', async (scene) => {
    const { script, pid } = ready('spent', 'process.on("SIGUSR2", () => process.exit(7)); setInterval(() => {}, 1000)')
    const wrapper = scene.wrap(script)
    const command = await pid()
    scene.server.set('ended', { ending: { how: 'exhausted', by: 'remit', reason: 'all its uses are spent' } })
    await until(() => wrapper.said().includes('has no uses left'))
    process.kill(command, 'SIGUSR2')
    assert.equal((await wrapper.ended).exitCode, 7)
  })

  scene('it waits for approval, saying where, and the command starts afterwards', async (scene) => {
    scene.server.firstState = 'pending'
    const { ended } = scene.wrap('console.log("worked")')
    await scene.server.called(`GET /v1/grants/${grantId}`, 2)
    assert.equal(scene.server.calls(`POST /v1/grants/${grantId}/activate`).length, 0)
    scene.server.set('approved')
    const { exitCode, out, err } = await ended
    assert.deepEqual([exitCode, out], [0, 'worked\n'])
    assert.match(err, /waiting for role:release-manager at http:\/\/pages\.example\/requests\/grn_/)
  })

  scene('a wrapper that is stopped while it waits withdraws its request and starts nothing', async (scene) => {
    scene.server.firstState = 'pending'
    const { process: wrapper, ended } = scene.wrap('console.log("worked")')
    await scene.server.called(`GET /v1/grants/${grantId}`, 2)
    wrapper.kill('SIGTERM')
    const { exitCode, out } = await ended
    assert.deepEqual([exitCode, out], [143, ''])
    assert.deepEqual(scene.ends('abandon'), ['remit run: stopped by SIGTERM'])
  })

  scene('a refusal is 3, and the command never starts', async (scene) => {
    scene.server.on('POST /v1/grants', () => refusal('request.not-eligible', 403))
    const { exitCode, out, err } = await scene.wrap('console.log("worked")').ended
    assert.deepEqual([exitCode, out], [3, ''])
    assert.match(err, /refused: no: request\.not-eligible/)
  })

  scene('a Remit that falls silent does not stop the command, and its exit code counts', async (scene) => {
    const { script, pid } = ready('silence', 'process.on("SIGUSR2", () => process.exit(5)); setInterval(() => {}, 1000)')
    const wrapper = scene.wrap(script)
    const command = await pid()
    scene.server.on(`POST /v1/grants/${grantId}/heartbeat`, () => 'break')
    scene.server.on(`POST /v1/grants/${grantId}/done`, () => 'break')
    await until(() => wrapper.said().includes('the grant ends if this lasts'))
    process.kill(command, 'SIGUSR2')
    const { exitCode, err } = await wrapper.ended
    assert.equal(exitCode, 5)
    assert.match(err, /the grant ends if this lasts[\s\S]*the grant could not be ended/)
  })

  scene('with --json the report is on stderr, and stdout is the command’s', async (scene) => {
    scene.server.firstState = 'pending'
    const { ended } = scene.wrap('console.log("mine"); process.exit(4)', { options: ['--json'] })
    await scene.server.called(`GET /v1/grants/${grantId}`, 2)
    // Longer than anybody waits without a word, who has not asked for JSON.
    await new Promise((then) => setTimeout(then, 1_500))
    scene.server.set('approved')
    const { out, err } = await ended
    assert.equal(out, 'mine\n')
    const { grant, exitCode, command } = JSON.parse(err)
    assert.deepEqual([grant.id, exitCode, command], [grantId, 4, 'exited with 4'])
  })

  scene('options after the command are the command’s own, with and without --', async (scene) => {
    const command = [process.execPath, '-p', 'process.argv.slice(1).join(" ")', '--', '--json', '--task', 'x']
    assert.equal((await scene.wrapCommand(command).ended).out, '--json --task x\n')
    assert.equal((await scene.wrapCommand(['--', ...command]).ended).out, '--json --task x\n')
  })
})
