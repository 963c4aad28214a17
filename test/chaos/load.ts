/** Real work over API and gateway, by many at once, until the house is killed: each answer is noted. */
import { RemitRefusal, RemitUnreachable } from '../../src/sdk/remit-refusal.ts'
import type { Acknowledged, GrantNote } from './acknowledged.ts'
import { type Bot, knock, type Knocked, type Running } from './chaos-house.ts'

/** One life of a house. */
export interface Life {
  readonly running: Running
  readonly acknowledged: Acknowledged
  /** Something is about to be killed: from now on an answer may fail to come, and a refusal may say that the store is away. */
  isDying: boolean
  /** Nobody begins anything more. */
  isOver: boolean
}

/** Works until the life is over. Throws what must not have happened. */
export async function work(life: Life): Promise<void> {
  const workers = [readAndFinish, writeUntilRevoked, countUses, restartByHold, release, revokeSecrets, keepHeads]
  await Promise.all(workers.map((worker) => repeat(life, worker)))
}

async function repeat(life: Life, worker: (life: Life) => Promise<void>): Promise<void> {
  while (!life.isOver) {
    try {
      await worker(life)
    } catch (thrown) {
      if (isLawful(life, thrown)) await pause(20)
      else throw thrown
    }
  }
}

/** A house that dies may leave a caller without an answer, or say that it has lost its database; too many questions are refused at any time. */
function isLawful(life: Life, thrown: unknown): boolean {
  if (thrown instanceof RemitRefusal && thrown.code === 'rate.exceeded') return true
  // Secrets of which no answer told stay until they end.
  if (thrown instanceof RemitRefusal && thrown.message.includes('at most 5 live secrets')) return true
  if (!life.isDying) return false
  if (thrown instanceof RemitRefusal) return thrown.code === 'store.unavailable'
  return thrown instanceof RemitUnreachable || thrown instanceof TypeError || isPageAnswer(thrown)
}

/** A page's call that failed while the database was away. */
function isPageAnswer(thrown: unknown): boolean {
  return thrown instanceof Error && /store\.unavailable|\(503\)|answered 503/.test(thrown.message)
}

class Wrong extends Error {}

const pause = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

/** Knocks, and throws where the answer is neither the one that is wanted nor one that a dying house may give. */
export async function knockFor(life: Life, note: GrantNote, target: string, wanted: (knocked: Knocked) => boolean): Promise<Knocked> {
  const knocked = await knock(life.running.gateway, note.token, target)
  if (wanted(knocked)) return knocked
  if (life.isDying && (knocked.status === 503 || knocked.code === 'store.unavailable')) throw new TypeError('the database is away')
  throw new Wrong(`${target} under ${note.id} (${note.state}) was answered ${JSON.stringify(knocked)}`)
}

const isYes = (knocked: Knocked) => knocked.status === 200

async function begin(life: Life, bot: Bot, scope: readonly string[], usesMax?: number): Promise<GrantNote> {
  const { running, acknowledged } = life
  const client = running.as(bot)
  const { id } = await client.requestGrant({ task: 'work', statement: 'the work of the test', scope })
  const note = acknowledged.grant(id, bot, { state: 'approved', ...(usesMax === undefined ? {} : { usesMax }) })
  await client.activate(id)
  acknowledged.step(note, 'active')
  note.token = (await client.sessionToken(id)).access_token
  return note
}

async function act(life: Life, note: GrantNote, start: string): Promise<void> {
  const { acknowledged } = life
  await knockFor(life, note, acknowledged.target(start, note), isYes)
  acknowledged.used(note)
}

async function readAndFinish(life: Life): Promise<void> {
  const note = await begin(life, 'reader', ['shop/look', 'shop/read', 'shop/put'])
  const lines = ['GET /items/', 'PUT /items/', 'GET /look/'].map(async (start) => {
    for (let time = 0; time < 12 && !life.isOver; time += 1) await act(life, note, start)
  })
  await Promise.all(lines)
  // Some are left as they are: what lives when it is killed lives on.
  if (life.acknowledged.grants.length % 3 === 0) return
  note.mayHaveEnded = true
  await life.running.as('reader').done(note.id)
  await life.acknowledged.ended(note)
}

async function writeUntilRevoked(life: Life): Promise<void> {
  const note = await begin(life, 'writer', ['shop/put', 'shop/read'])
  const refusals = ['grant.ended', 'session.ended', 'credential.invalid', 'grant.missing']
  const lines = ['PUT /items/', 'GET /items/'].map(async (start) => {
    for (;;) {
      const isAsked = note.mayHaveEnded
      const knocked = await knockFor(life, note, life.acknowledged.target(start, note), (heard) => {
        return isYes(heard) || (note.mayHaveEnded && refusals.includes(heard.code ?? ''))
      })
      if (!isYes(knocked)) return
      if (!isAsked) life.acknowledged.used(note)
    }
  })
  const revoked = (async () => {
    await pause(40)
    note.mayHaveEnded = true
    await life.running.as('ben').revoke(note.id, 'enough of it')
    await life.acknowledged.ended(note)
  })()
  await Promise.all([...lines, revoked])
}

async function countUses(life: Life): Promise<void> {
  const usesMax = 4
  const note = await begin(life, 'counter', [`shop/put,uses=${usesMax}`, 'shop/look'], usesMax)
  // Some are left with uses, to be used up by whoever comes after the kill.
  const times = life.acknowledged.grants.length % 2 === 0 ? usesMax : usesMax - 2
  for (let time = 0; time < times; time += 1) await act(life, note, 'PUT /items/')
  if (times < usesMax) return
  const spent = ['grant.uses-spent', 'grant.ended', 'credential.invalid', 'session.ended']
  await knockFor(life, note, life.acknowledged.target('PUT /items/', note), ({ code = '' }) => spent.includes(code))
}

async function restartByHold(life: Life): Promise<void> {
  const { acknowledged, running } = life
  const note = await begin(life, 'restarter', ['shop/restart'])
  const target = acknowledged.target('POST /restarts/', note)
  const { hold = '' } = await knockFor(life, note, target, ({ code }) => code === 'action.held')
  const held = acknowledged.hold(hold, target, note)
  if (acknowledged.holds.length % 5 === 0) return
  await running.people.ben.answer(hold, 'approve')
  acknowledged.stepHold(held, 'approved')
  if (acknowledged.holds.length % 5 === 1) return
  await knockFor(life, note, target, isYes)
  acknowledged.stepHold(held, 'spent')
  await knockFor(life, note, target, ({ code }) => code === 'action.held')
}

async function release(life: Life): Promise<void> {
  const { acknowledged, running } = life
  const client = running.as('releaser')
  const { id } = await client.requestGrant({ task: 'release', statement: 'a release', scope: ['shop/deploy,uses=1'] })
  const note = acknowledged.grant(id, 'releaser', { state: 'pending', usesMax: 1 })
  await running.people.eva.answer(id, 'approve')
  acknowledged.step(note, 'approved')
  if (acknowledged.grants.length % 4 === 0) return
  await client.activate(id)
  acknowledged.step(note, 'active')
  note.token = (await client.sessionToken(id)).access_token
  note.mayHaveEnded = true
  await act(life, note, 'POST /deployments/')
}

async function revokeSecrets(life: Life): Promise<void> {
  const { acknowledged, running } = life
  await pause(100)
  const left = acknowledged.secrets.find((each) => !each.isRevoked)
  const note = left ?? { ...(await running.as('ana').issueSecret('spare', '10m')), isRevoked: false }
  if (left === undefined) {
    acknowledged.secrets.push(note)
    acknowledged.count += 1
  }
  await running.as('ana').revokeSecret(note.credential)
  note.isRevoked = true
  acknowledged.count += 1
}

/** A stranger keeps the newest head: a log that does not go through it afterwards is another one. */
async function keepHeads(life: Life): Promise<void> {
  await pause(60)
  const { checkpoint } = await life.running.as('eva').checkpoint()
  if (checkpoint !== '') life.acknowledged.head = checkpoint
}
