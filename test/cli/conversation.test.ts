/** The command line against the real thing: `remit up` in one process, and everything said to it as people and bots would say it. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { type Cast, gather } from '../../demo/cast.ts'
import { Command, runRemit, type RunningRemit, startRemit } from '../../demo/remit-process.ts'

let folder: string
let configuration: string
let upstream: Server
let remit: RunningRemit
let cast: Cast
let origin: string

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'remit-conversation-'))
  upstream = createServer((request, response) => {
    request.resume()
    response.setHeader('content-type', 'application/json')
    response.end(
      JSON.stringify({
        did: `${request.method} ${request.url}`,
        saw: request.headers.authorization === 'Bearer sesame' ? 'its secret' : 'no secret',
      }),
    )
  })
  await new Promise<void>((then) => upstream.listen(0, '127.0.0.1', then))
  origin = `http://127.0.0.1:${(upstream.address() as AddressInfo).port}`
  await cp(fileURLToPath(new URL('../../demo/shop', import.meta.url)), join(folder, 'shop'), { recursive: true })
  configuration = join(folder, 'shop', 'remit.yaml')
  await writeFile(configuration, (await readFile(configuration, 'utf8')).replace('http://127.0.0.1:9000', origin))
  remit = await startRemit(join(folder, 'data'), configuration, { SHOP_SECRET: 'sesame' })
  cast = await gather(remit, folder)
})

after(async () => {
  await remit?.stop()
  upstream?.closeAllConnections()
  upstream?.close()
  await rm(folder, { recursive: true, force: true })
})

async function says(who: string, words: readonly string[], env: Readonly<Record<string, string>> = {}) {
  return runRemit(words, { ...cast.as(who), ...env })
}

async function asks<T>(who: string, words: readonly string[], exitCode = 0, env: Readonly<Record<string, string>> = {}): Promise<T> {
  const ran = await says(who, [...words, '--json'], env)
  assert.equal(ran.code, exitCode, ran.stdout + ran.stderr)
  return JSON.parse(ran.stdout) as T
}

interface Grant {
  readonly id: string
  readonly state: string
  readonly page: string
  readonly ending?: { readonly how: string }
}

const gatewayOf = (ready: RunningRemit['ready']) => ready.gateways.find(({ service }) => service === 'shop')?.url ?? ''

test('everybody is who they are', async () => {
  const ana = await says('ana', ['whoami'])
  assert.match(ana.stdout, /^ana {2}human\n[\s\S]*administer[\s\S]*proved by +passkey/)
  const bot = await says('release-bot', ['whoami'])
  assert.match(bot.stdout, /^release-bot {2}service-account\n {2}owner +ana\n/)
})

test('a bot sees what it may ask, asks, starts, acts, and is done', async () => {
  const eligible = await says('metrics-client', ['eligible'])
  assert.match(eligible.stdout, /shop\/put-telemetry +write +telemetry/)
  const granted = await asks<Grant>('metrics-client', ['request', 'shop/put-telemetry,uses=5', '--task', 'telemetry', '--for', 'figures'])
  assert.equal(granted.state, 'approved')
  assert.match((await says('metrics-client', ['activate', granted.id])).stdout, /used 0 of 5/)
  const token = (await says('metrics-client', ['token', granted.id])).stdout.trim()
  const put = async () =>
    fetch(`${gatewayOf(remit.ready)}/telemetry/latency`, {
      method: 'PUT',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: '{"value":42}',
    })
  assert.deepEqual(await (await put()).json(), { did: 'PUT /telemetry/latency', saw: 'its secret' })
  assert.match((await says('metrics-client', ['grants', '--mine'])).stdout, new RegExp(`${granted.id} +active +metrics-client +telemetry`))
  assert.match((await says('metrics-client', ['extend', granted.id, '--time', '5m', '--reason', 'one more'])).stdout, /lasts +1h5m/)
  assert.match((await says('metrics-client', ['done', granted.id])).stdout, /ended: completed by metrics-client/)
  const refused = await put()
  assert.equal(refused.status, 403)
  const { decision } = (await refused.json()) as { readonly decision?: string }
  if (decision !== undefined) assert.match((await says('metrics-client', ['explain', decision])).stdout, /\S/)
})

test('what somebody can do, and who can do something, is told to whoever may hear it', async () => {
  const own = await says('release-bot', ['can', 'release-bot'])
  assert.equal(own.code, 0, own.stderr)
  assert.match(own.stdout, /^release-bot {2}service-account\nnow {4}nothing\ncould {2}\d+ with somebody's yes\n/)
  assert.match(own.stdout, /shop\/deploy +write +1 +no +may +role:release-manager +task\.kind: release +release-bots-may-release/)
  assert.doesNotMatch(own.stdout, /shop\/restart/)
  const all = await says('eva', ['can', 'release-bot', '--service', 'shop', '--all'])
  assert.match(all.stdout, /shop\/restart +execute +1 +no +no/)
  const denied = await says('metrics-client', ['can', 'release-bot'])
  assert.equal(denied.code, 3)
  const nobody = await says('metrics-client', ['can', 'nobody-at-all'])
  assert.equal(refusalIn(nobody), refusalIn(denied))
  const who = await says('eva', ['who-can', 'execute', 'shop/restart'])
  assert.match(
    who.stdout,
    /^shop\/restart\n\nWHO +KIND +HOW NEAR[^\n]*\nincident-agent +ai-agent +perhaps +shop\/restart +nobody +task\.kind: incident/,
  )
  assert.match((await says('eva', ['who-can', 'administer', 'desk'])).stdout, /\nana +human +now +desk\/administer/)
  assert.match((await says('metrics-client', ['who-can', 'execute', 'shop/restart'])).stdout, /^nobody can, of those whom you may see/)
  const { counts } = await asks<{ readonly counts: Record<string, number> }>('eva', ['who-can', 'write', 'shop'])
  assert.deepEqual([counts['with-approval'], counts['perhaps'], counts['now']], [0, 2, 0])
  assert.equal((await says('eva', ['who-can', 'execute', 'shup'])).code, 3)
})

/** Where it took its time, it has said so before. */
function refusalIn({ stderr }: { readonly stderr: string }): string {
  return stderr.slice(Math.max(0, stderr.indexOf('refused: ')))
}

test('a refusal says what may be asked for instead of what was', async () => {
  const refused = await says('metrics-client', ['request', 'shop/restart', '--task', 'telemetry', '--for', 'curiosity'])
  assert.equal(refused.code, 3)
  assert.match(refusalIn(refused), /^refused: .*\n(?:.*\n)* {2}next {2}/)
  assert.equal((await says('metrics-client', ['request', 'shop/nothing', '--task', 't', '--for', 's'])).code, 3)
  assert.equal((await says('metrics-client', ['grant', 'grn_01JC0000000000000000000001'])).code, 3)
})

test('a request waits for a person; approve --wait hears of the yes', async () => {
  const asked = await asks<Grant>('release-bot', ['request', 'shop/deploy', '--task', 'release', '--for', 'ship 2'], 4)
  assert.equal(asked.state, 'pending')
  const approving = new Command(['approve', asked.id, '--wait'], cast.as('eva'))
  while (!approving.stderr.includes(asked.page)) await new Promise((then) => setTimeout(then, 20))
  await cast.people.eva.answer(asked.id, 'approve')
  const approved = await approving.done()
  assert.equal(approved.code, 0, approved.stderr)
  assert.match(approved.stdout, /approved[\s\S]*eva approved/)
  const revoked = await says('ben', ['revoke', asked.id, '--reason', 'changed our minds'])
  assert.equal(revoked.code, 0, revoked.stderr)
})

test('a held action is shown in full, and denied', async () => {
  // Nobody waits longer than a minute at once: on a busy machine the answer may come later, and the same question is asked again.
  const script = `
    const ask = () => fetch(process.env.REMIT_SERVICE_SHOP_URL + '/services/checkout/restart', { method: 'POST', headers: { authorization: 'Bearer ' + process.env.REMIT_TOKEN, prefer: 'wait=60' } })
    for (;;) {
      const response = await ask()
      const text = await response.text()
      if (text.includes('urn:remit:refusal:action.held')) continue
      console.log(response.status, text)
      process.exit(response.ok ? 0 : 8)
    }`
  const run = new Command(
    [
      'run',
      '--task',
      'incident',
      '--can',
      'shop/restart',
      '--for',
      'checkout hangs',
      '--',
      process.execPath,
      '--input-type=module',
      '-e',
      script,
    ],
    cast.as('incident-agent'),
  )
  let held: { readonly id: string; readonly state: string } | undefined
  while (held === undefined)
    held = (await asks<{ readonly holds: readonly { readonly id: string; readonly state: string }[] }>('ben', ['holds'])).holds.find(
      ({ state }) => state === 'waiting',
    )
  const shown = await says('ben', ['hold', held.id])
  assert.match(shown.stdout, /POST \/services\/checkout\/restart[\s\S]*service = "checkout"[\s\S]*policy agents-restart-only-with-a-person/)
  const denying = new Command(['deny', held.id, '--wait'], cast.as('ben'))
  while (!denying.stderr.includes('deny it here')) await new Promise((then) => setTimeout(then, 20))
  await cast.people.ben.answer(held.id, 'deny')
  assert.equal((await denying.done()).code, 0)
  const ran = await run.done()
  assert.equal(ran.code, 8, ran.stderr)
  assert.match(ran.stdout, /a person denied this action/)
})

test('somebody new is invited by two: the first is told which page another person signs', async () => {
  const waits = await asks<{ readonly changeSet: { readonly id: string; readonly page: string } }>('ana', ['invite', 'nia'], 4)
  const shown = await says('ana', ['invite', 'nia'])
  assert.equal(shown.code, 4)
  assert.match(
    shown.stdout,
    /^nia is new here, and waits for 1 person .*\nit is signed here: http.*\nthen make the link: remit invite nia\n$/,
  )
  assert.ok(shown.stdout.includes(waits.changeSet.page), 'it is the same proposal')
  await cast.people.eva.answer(waits.changeSet.id, 'approve')
  assert.match((await says('ana', ['invite', 'nia'])).stdout, /^http.*\/register\/[\w-]{43}\n$/)
})

test('quarantine stops what is under way: the command hears of it, and it is a refusal', async () => {
  const run = new Command(
    [
      'run',
      '--task',
      'incident',
      '--can',
      'read:shop',
      '--for',
      'watching',
      '--',
      process.execPath,
      '-e',
      'console.log("working"); setInterval(() => {}, 1000)',
    ],
    cast.as('incident-agent'),
  )
  while (!run.stdout.includes('working')) await new Promise((then) => setTimeout(then, 20))
  assert.match(
    (await says('ben', ['quarantine', 'incident-agent', '--reason', 'odd'])).stdout,
    /incident-agent is quarantined; ended: grn_/,
  )
  const ran = await run.done()
  assert.equal(ran.code, 3, ran.stderr)
  assert.match(ran.stderr, /is told to stop[\s\S]*grn_\S+ ended: contained/)
  assert.doesNotMatch(ran.stderr, /could not be ended/)
  assert.equal((await says('incident-agent', ['eligible'])).code, 3)
  assert.match((await says('ben', ['identities'])).stdout, /incident-agent +ai-agent +ana +quarantined/)
  const released = await says('ben', ['release', 'incident-agent', '--reason', 'looked into'])
  assert.equal(released.code, 0, released.stderr)
})

test('a plan says what is new, applying does it once, and a mistake is shown at its line', async () => {
  const env = { SHOP_SECRET: 'sesame' }
  assert.equal((await says('ana', ['plan', '-f', configuration], env)).stdout, 'nothing to change\n')
  const text = await readFile(configuration, 'utf8')
  await writeFile(configuration, text.replace('  - name: eva', '  - name: zoe\n  - name: eva'))
  assert.match((await says('ana', ['plan', '-f', configuration], env)).stdout, /^\+ person zoe/)
  const unasked = await says('ana', ['apply', '-f', configuration], env)
  assert.deepEqual([unasked.code, /nothing was changed; add --yes/.test(unasked.stdout)], [1, true])
  const proposed = await asks<{ readonly changeSet: { readonly id: string; readonly page: string } }>(
    'ana',
    ['apply', '-f', configuration, '--yes'],
    4,
    env,
  )
  assert.match(proposed.changeSet.page, /\/changes\/chg_/)
  const applying = new Command(['apply', '-f', configuration, '--yes', '--wait'], { ...cast.as('ana'), ...env })
  while (!applying.stderr.includes(proposed.changeSet.page)) await new Promise((then) => setTimeout(then, 20))
  await cast.people.eva.answer(proposed.changeSet.id, 'approve')
  const applied = await applying.done()
  assert.match(applied.stdout, /applied: 1 change \(approved by eva\)\n$/, applied.stderr)
  const exported = join(folder, 'exported')
  const wrote = await says('ana', ['export', exported])
  assert.equal(wrote.code, 0, wrote.stderr)
  // The first administrator's own.
  assert.match(wrote.stdout, /exceptions are left out: remit exception list --state active/)
  assert.equal((await says('ana', ['plan', '-f', join(exported, 'remit.yaml')])).stdout, 'nothing to change\n', 'there and back')
  assert.doesNotMatch(await readFile(join(exported, 'remit.yaml'), 'utf8'), /sesame/)
  assert.equal((await says('ana', ['apply', '-f', configuration, '--yes'], env)).stdout, 'nothing to change\n')
  assert.equal((await says('release-bot', ['plan', '-f', configuration], env)).code, 3)
  assert.match(
    (await says('ana', ['plan', '-f', configuration])).stdout,
    /remit\.yaml:\d+:\d+: the environment variable SHOP_SECRET is not set/,
  )
  await writeFile(configuration, text.replace('environment: prod', 'enviroment: prod'))
  const wrong = await says('ana', ['plan', '-f', configuration], env)
  assert.equal(wrong.code, 1)
  const line = text.split('\n').findIndex((each) => each.includes('environment: prod')) + 1
  assert.match(wrong.stdout, new RegExp(`remit\\.yaml:${line}:5: .*enviroment`))
  assert.equal((await runRemit(['check', join(folder, 'shop', 'policies'), '-f', configuration], {})).code, 1)
  await writeFile(configuration, text)
  assert.match(
    (await runRemit(['check', join(folder, 'shop', 'policies'), '-f', configuration], {})).stdout,
    /^all is well: \d+ policies, 1 services\n$/,
  )
})

test('the record verifies, online and from a file, and one changed byte is found', async () => {
  const { key } = await asks<{ readonly key: string }>('eva', ['ledger', 'checkpoint'])
  const online = await says('eva', ['ledger', 'verify', '--key', key])
  assert.equal(online.code, 0, online.stdout + online.stderr)
  assert.match(online.stdout, /^verified\n[\s\S]*key +the one you gave/)
  const file = join(folder, 'ledger.ndjson')
  assert.equal((await says('eva', ['ledger', 'export', '--out', file])).code, 0)
  assert.equal((await runRemit(['ledger', 'verify', file], {})).code, 0)
  const text = await readFile(file, 'utf8')
  await writeFile(file, text.replace('changed our minds', 'changed our mind!'))
  const changed = await runRemit(['ledger', 'verify', file], {})
  assert.equal(changed.code, 1)
  assert.match(changed.stdout, /^NOT verified/)
  assert.equal((await says('release-bot', ['ledger', 'verify'])).code, 3)
})

test('when Remit is gone, that is what is said', async () => {
  await remit.stop()
  const gone = await says('release-bot', ['whoami'])
  assert.equal(gone.code, 5)
  assert.match(gone.stderr, /nothing listens there/)
})
