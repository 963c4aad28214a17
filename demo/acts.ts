/** The acts of the demo, in their order. Each shows what happened and checks that it is what had to happen. */
import { request as httpRequest } from 'node:http'
import { createInterface } from 'node:readline/promises'
import type { Cast } from './cast.ts'
import type { JournalTail } from './journal-tail.ts'
import { askRemit, Command, runRemit, type RunningRemit } from './remit-process.ts'
import type { Shop } from './shop/server.ts'
import { act, expect, listener, quote, tell, tellDecisions } from './story.ts'

export interface Stage {
  readonly remit: RunningRemit
  readonly shop: Shop
  readonly gateway: string
  readonly cast: Cast
  readonly tail: JournalTail
  readonly nameOf: (id: string) => string
  /** The demo's people sign by themselves. */
  readonly isUnattended: boolean
  readonly script: (name: string) => string
}

const pollMs = 100
const pollsMax = 600

/** Asks again and again, a bounded number of times. */
async function until<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  for (let polls = 0; polls < pollsMax; polls += 1) {
    const found = await look()
    if (found !== undefined) return found
    await new Promise((resolve) => setTimeout(resolve, pollMs))
  }
  throw new Error(`the demo waited in vain for ${what}`)
}

async function showDecisions({ tail, nameOf }: Stage): Promise<void> {
  tellDecisions(await tail.news(), nameOf)
}

/** By the person at the keyboard on the page, or by the demo's own person. */
async function sign(stage: Stage, person: 'ben' | 'eva', subject: { readonly id: string; readonly page: string }): Promise<void> {
  if (!stage.isUnattended && (await isSignedAtTheKeyboard(stage, person, subject.page))) return
  if (stage.isUnattended) tell(`${person} may answer: ${subject.page}`)
  await stage.cast.people[person].answer(subject.id, 'approve')
  tell(`${person} signed a yes with a passkey, for exactly this`)
}

/** Whoever sits there is a person of their own: nobody is ever given a second way in to be ben or eva. */
async function isSignedAtTheKeyboard(stage: Stage, person: string, page: string): Promise<boolean> {
  const invited = await runRemit(['invite', 'you', '--json'], stage.cast.as('ana'))
  tell(`${person} may say yes, and so may you, on this page: ${page}`)
  // Refused only to somebody who made a passkey at an earlier question.
  if (invited.code === 0) {
    const { link } = JSON.parse(invited.stdout) as { readonly link: string }
    tell(`to be asked there, first make a passkey:          ${link}`)
  }
  const keyboard = createInterface({ input: process.stdin, output: process.stdout })
  const answered = await keyboard.question(`  press Enter and ${person} signs; or sign on the page, then type "done": `)
  keyboard.close()
  return answered.trim() === 'done'
}

interface Listed {
  readonly id: string
  readonly state: string
  readonly page: string
  readonly chain: readonly string[]
  readonly ending?: { readonly how: string; readonly reason: string }
}

async function grantsOf(stage: Stage, name: string): Promise<readonly Listed[]> {
  const { grants } = await askRemit<{ readonly grants: readonly Listed[] }>(['grants'], stage.cast.as('eva'))
  return grants.filter((grant) => grant.chain[0] === name)
}

export async function releaseAct(stage: Stage): Promise<void> {
  act('1. A release bot, whose privilege dies with its process')
  const node = process.execPath
  const run = new Command(
    [
      'run',
      '--task',
      'release',
      '--can',
      'shop/deploy,service=checkout',
      '--can',
      'shop/get-deployment',
      '--for',
      'ship checkout 1.4.2',
      '--ticket',
      'REL-142',
      '--',
      node,
      stage.script('release-bot.ts'),
      '1.4.2',
      'stay',
    ],
    stage.cast.as('release-bot'),
    listener(),
  )
  const pending = await until('a pending request', async () =>
    (await grantsOf(stage, 'release-bot')).find((grant) => grant.state === 'pending'),
  )
  tell('remit run asked for a grant; policy wants a release manager')
  await sign(stage, 'eva', pending)
  await until('the bot to look at its deployment', () => (run.stdout.includes('GET /deployments/dep-1 → 200') ? true : undefined))
  expect(
    'the bot deployed under its grant',
    stage.shop.events.some((event) => event.what === 'deployed checkout 1.4.2'),
  )
  tell('now its wrapper is killed outright: no goodbye, and the bot itself goes on')
  const killedAt = Date.now()
  run.child.kill('SIGKILL')
  await run.done()
  tell(`the orphan was refused after ${((Date.now() - killedAt) / 1000).toFixed(1)} s`)
  expect(
    'what went on without its wrapper lost its privilege within seconds',
    / → 40[13]/.test(run.stdout) && Date.now() - killedAt < 30_000,
  )
  const [grant] = (await grantsOf(stage, 'release-bot')).filter((each) => each.id === pending.id)
  expect(`its grant ended as abandoned (${grant?.ending?.reason ?? 'no reason'})`, grant?.ending?.how === 'abandoned')
  await showDecisions(stage)
}

export async function agentAct(stage: Stage): Promise<void> {
  act('2. An AI agent: reads freely, restarts only with a person')
  const run = new Command(
    [
      'run',
      '--task',
      'incident',
      '--can',
      'read:shop',
      '--can',
      'shop/restart,uses=1',
      '--for',
      'checkout times out',
      '--ticket',
      'INC-7',
      '--',
      process.execPath,
      stage.script('incident-agent.ts'),
    ],
    stage.cast.as('incident-agent'),
    listener(),
  )
  const held = await until('a held action', async () => {
    const { holds } = await askRemit<{ readonly holds: readonly Listed[] }>(['holds'], stage.cast.as('ben'))
    return holds.find((hold) => hold.state === 'waiting')
  })
  tell('policy agents-restart-only-with-a-person holds the restart; the request waits')
  await sign(stage, 'ben', held)
  const ran = await run.done()
  const restarts = stage.shop.events.filter((event) => event.what === 'restarted checkout').length
  expect('it read incidents without asking anybody', ran.stdout.includes('GET /incidents → 200'))
  expect('no grant could let it restart the till', ran.stdout.includes('nobody-restarts-the-till'))
  expect(
    'checkout was restarted once, after a person had signed',
    restarts === 1 && ran.stdout.includes('POST /services/checkout/restart → 200'),
  )
  expect('a second restart was refused', /once more, to be sure → 403/.test(ran.stdout))
  expect(
    'with its process its grant is gone',
    (await grantsOf(stage, 'incident-agent')).every((grant) => grant.state === 'ended'),
  )
  await showDecisions(stage)
}

export async function metricsAct(stage: Stage): Promise<void> {
  act('3. A metrics client: may write telemetry, and nothing else')
  const run = new Command(
    [
      'run',
      '--task',
      'telemetry',
      '--can',
      'shop/put-telemetry',
      '--for',
      'hourly figures',
      '--',
      process.execPath,
      stage.script('metrics-client.ts'),
    ],
    stage.cast.as('metrics-client'),
    listener(),
  )
  const ran = await run.done()
  expect(
    'telemetry was written',
    stage.shop.events.some((event) => event.what === 'telemetry latency=42'),
  )
  expect('incidents were none of its business', /GET \/incidents → 403/.test(ran.stdout))
  const asked = await runRemit(['request', 'shop/restart', '--task', 'telemetry', '--for', 'curiosity'], stage.cast.as('metrics-client'))
  expect('and it may not even ask for more', asked.code === 3)
  for (const line of `${asked.stdout}${asked.stderr}`.trim().split('\n').slice(0, 3)) quote(line)
  await showDecisions(stage)
}

export async function stolenTokenAct(stage: Stage): Promise<void> {
  act('4. A stolen token, used from elsewhere')
  const env = stage.cast.as('metrics-client')
  const asked = await askRemit<Listed>(['request', 'shop/put-telemetry', '--task', 'telemetry', '--for', 'figures'], env)
  await askRemit(['activate', asked.id], env)
  const token = (await runRemit(['token', asked.id], env)).stdout.trim()
  const here = await put(stage.gateway, token, '127.0.0.1')
  const there = await put(stage.gateway, token, '127.0.0.2')
  expect(`from the address that first used it: ${here.status}`, here.status === 200)
  expect(`from another one: ${there.status}, ${there.detail}`, there.status === 401)
  await askRemit(['done', asked.id], env)
  const after = await put(stage.gateway, token, '127.0.0.1')
  expect(`and after remit done, from anywhere: ${after.status}`, after.status === 401 || after.status === 403)
  await showDecisions(stage)
}

function put(gateway: string, token: string, localAddress: string): Promise<{ readonly status: number; readonly detail: string }> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const request = httpRequest(`${gateway}/telemetry/latency`, { method: 'PUT', localAddress, headers }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk
      })
      response.on('end', () => {
        const body = JSON.parse(text) as { readonly detail?: string }
        resolve({ status: response.statusCode ?? 0, detail: body.detail ?? '' })
      })
    })
    request.on('error', reject)
    request.end(JSON.stringify({ value: 43 }))
  })
}

export async function quarantineAct(stage: Stage): Promise<void> {
  act('5. Quarantine: everything of one identity ends, nobody else is disturbed')
  const run = new Command(
    [
      'run',
      '--task',
      'incident',
      '--can',
      'read:shop',
      '--for',
      'watching incidents',
      '--',
      process.execPath,
      stage.script('watching-agent.ts'),
    ],
    stage.cast.as('incident-agent'),
  )
  const grant = await until('the agent to work', async () =>
    (await grantsOf(stage, 'incident-agent')).find((each) => each.state === 'active'),
  )
  await until('a first action', async () => ((await stage.tail.news()).length > 0 ? true : undefined))
  const stopped = await runRemit(['quarantine', 'incident-agent', '--reason', 'acts on instructions from a log line'], stage.cast.as('ben'))
  for (const line of stopped.stdout.trim().split('\n')) quote(line)
  const ran = await run.done()
  expect(`its command was stopped with it (exit code ${ran.code})`, ran.code === 3)
  const ended = (await grantsOf(stage, 'incident-agent')).find((each) => each.id === grant.id)
  expect('its grant ended as contained', ended?.ending?.how === 'contained')
  const asked = await runRemit(['eligible'], stage.cast.as('incident-agent'))
  expect('whatever it asks is refused', asked.code === 3 || asked.code === 1)
  const other = await askRemit<Listed>(
    ['request', 'shop/put-telemetry', '--task', 'telemetry', '--for', 'figures'],
    stage.cast.as('metrics-client'),
  )
  expect('the metrics client works on', other.state === 'approved')
  await showDecisions(stage)
}

export async function verifyAct(stage: Stage): Promise<void> {
  act('6. What happened can be proved')
  const ran = await runRemit(['ledger', 'verify'], stage.cast.as('eva'))
  for (const line of ran.stdout.trim().split('\n')) quote(line)
  expect('every leaf, head, journal line and anchor checks', ran.code === 0)
}
