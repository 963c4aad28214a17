/** What is done under grants in a random life: tokens, single actions, crowds of them at once, and the door they must pass. */
import type { Bearer, Call, Verdict } from '../../src/control/ports.ts'
import { gatewayAudience } from '../../src/control/identify.ts'
import { completeGrant, revokeGrant } from '../../src/control/end-grant.ts'
import { quarantine } from '../../src/control/quarantine.ts'
import type { GrantId } from '../../src/kernel/ids.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { chanceOf, randomArgument } from '../cases/random-scenes.ts'
import { type OperationName, operationNames, operations } from '../cases/rule-book.ts'
import { names, opine, type Opinion } from '../cases/second-opinion.ts'
import { actionOf, materialOf } from '../world/shop.ts'
import { here } from '../world/world.ts'
import { type Allowed, chains, type Life, operator } from './life.ts'
import { answer } from './steps.ts'
import { type Grant, type Hold, holdKey, minute, type Token, wantedOf } from './model.ts'

interface Act {
  readonly token: Token
  readonly operation: OperationName
  readonly argument: string | number | undefined
  readonly body: string
}

const holdsMax = 20

export async function newToken(life: Life, chain: readonly string[], grant: Grant | undefined): Promise<Token | undefined> {
  const [first = '', second] = chain
  const audience = gatewayAudience('main', 'http')
  const exchanged = await life.world.exchange(second ?? first, {
    audience,
    ...(second === undefined ? {} : { actor: first }),
    ...(grant === undefined ? {} : { grant: grant.id }),
  })
  const { now, model } = life
  const fits = grant === undefined || (grant.chain.join() === chain.join() && model.isLive(grant, now))
  life.expect(exchanged, model.stands(chain) && fits, `a token for ${chain.join(' for ')} on ${grant?.id ?? 'whatever covers'}`)
  if (!exchanged.ok) return undefined
  const { claims, expiresAt } = exchanged.value
  life.law(expiresAt <= (grant === undefined ? now + 15 * minute : grant.endsAt), 'a token outlives its grant')
  const token = {
    text: reveal(exchanged.value.token),
    id: claims.jti,
    chain,
    grant: grant?.id,
    proofs: claims.provedBy.split(' '),
    endsAt: expiresAt,
    address: undefined,
  }
  life.tokens.push(token)
  return token
}

async function anyToken(life: Life): Promise<Token | undefined> {
  const { dice } = life
  const fresh = life.tokens.filter(
    (token) => life.now < token.endsAt && (token.grant === undefined || life.model.grants.get(token.grant)?.state === 'active'),
  )
  if (fresh.length > 0 && chanceOf(dice, 60)) return dice.pick(fresh.slice(-8))
  if (life.tokens.length > 0 && chanceOf(dice, 10)) return dice.pick(life.tokens)
  const active = life.openGrants('active')
  const grant = active.length > 0 && chanceOf(dice, 85) ? dice.pick(active) : undefined
  const named = grant !== undefined && chanceOf(dice, 75) ? grant : undefined
  const chain = grant !== undefined && chanceOf(dice, 93) ? grant.chain : dice.pick(chains)
  return newToken(life, chain, named)
}

/** The bearer of a token, from its own address or another one. */
async function identify(life: Life, token: Token, address: string): Promise<Bearer | undefined> {
  const { now } = life
  const isOwn = token.address === undefined || token.address === address
  const bearer = await life.gateway.identify(token.text, address)
  life.expect(bearer, now < token.endsAt && isOwn, `the token of ${token.chain.join(' for ')} from ${address}`)
  if (!bearer.ok) return undefined
  token.address = address
  return bearer.value
}

function randomAct(life: Life, token: Token): Act {
  const { dice, model } = life
  const lines = life
    .openGrants('active')
    .filter((grant) => (token.grant === undefined ? grant.chain.join() === token.chain.join() : grant.id === token.grant))
    .flatMap((grant) => grant.lines)
  const fitting = lines.length === 0 ? [] : operationNames.filter((name) => lines.some((line) => names(line, name)))
  const waiting = [...model.holds.values()].filter(
    (hold) => (hold.state === 'approved' || hold.state === 'waiting') && hold.key.includes(token.id),
  )
  if (waiting.length > 0 && chanceOf(dice, 70)) {
    return again(life, token, dice.pick(waiting))
  }
  const operation = dice.pick(fitting.length > 0 && chanceOf(dice, 85) ? fitting : operationNames)
  const argument = chanceOf(dice, 97) ? randomArgument(dice, operation) : undefined
  return { token, operation, argument, body: dice.pick(['', '', 'one', 'two']) }
}

/** The same action once more, or one with a byte swapped. */
function again({ dice }: Life, token: Token, hold: Hold): Act {
  const [, , operation, argument, body]: [string, string, OperationName, string | number | null, string] = JSON.parse(hold.key)
  return { token, operation, argument: argument ?? undefined, body: chanceOf(dice, 85) ? body : `${body}!` }
}

/** Whoever was held comes back, once people have answered. */
export async function comeBack(life: Life): Promise<void> {
  const holds = [...life.model.holds.values()].filter((hold) => hold.state === 'approved' || hold.state === 'waiting')
  if (holds.length === 0) return
  const hold = life.dice.pick(holds)
  if (hold.state === 'waiting') return answer(life, hold)
  const token = life.tokens.find(({ id }) => hold.key.includes(id))
  if (token !== undefined) await actBy(life, token, again(life, token, hold))
}

function callOf(life: Life, bearer: Bearer, { operation, argument, body }: Act): Call {
  const name = operations[operation].argument
  const given = name === undefined || argument === undefined ? {} : { [name]: argument }
  const action = actionOf(life.world.desk.facts.service('shop'), operation, given)
  return { bearer, action, material: materialOf(action, body) }
}

type Expected =
  | { readonly outcome: 'deny' }
  | { readonly outcome: 'allow'; readonly grant: Grant; readonly line: number; readonly hold?: Hold }
  | {
      readonly outcome: 'held'
      readonly grant: Grant
      readonly opinion: Exclude<Opinion, { outcome: 'deny' }>
      readonly key: string
      readonly hold?: Hold
    }

function expected(life: Life, act: Act): Expected {
  const { model, now } = life
  const { token, operation, argument } = act
  const proofStands = token.proofs.every((proof) => !model.revokedProofs.has(proof))
  const opinion = opine(model.scene, {
    chain: token.chain,
    proofStands,
    ...(token.grant === undefined ? {} : { grant: token.grant }),
    operation,
    ...(argument === undefined ? {} : { argument }),
    now,
  })
  const grant = opinion.outcome === 'deny' ? undefined : model.grants.get(opinion.grant)
  if (opinion.outcome === 'deny' || grant === undefined) return { outcome: 'deny' }
  if (opinion.outcome === 'allow') return { outcome: 'allow', grant, line: opinion.line }
  const key = holdKey(token, grant.id, act)
  const known = model.holdOf(key)
  const same = known !== undefined && JSON.stringify(known.wanted) === JSON.stringify(wantedOf(opinion.holds))
  if (known?.state === 'denied') return { outcome: 'deny' }
  if (known?.state === 'approved' && same)
    return now < known.useBy ? { outcome: 'allow', grant, line: opinion.line, hold: known } : { outcome: 'deny' }
  if (known?.state === 'waiting' && same && now < known.answerBy) return { outcome: 'held', grant, opinion, key, hold: known }
  const waiting = [...model.holds.values()].filter(
    (hold) => hold.session === `${token.id} ${grant.id}` && hold.state === 'waiting' && hold !== known,
  ).length
  return waiting >= holdsMax ? { outcome: 'deny' } : { outcome: 'held', grant, opinion, key }
}

function noteHeld(life: Life, id: string, act: Act, want: Extract<Expected, { outcome: 'held' }>): void {
  const { model, now } = life
  const { grant, opinion, key } = want
  for (const hold of model.holds.values()) {
    if (hold.key === key && (hold.state === 'approved' || (hold.state === 'waiting' && now < hold.answerBy))) hold.state = 'withdrawn'
  }
  life.count('hold')
  model.holds.set(id, {
    id,
    key,
    grant: grant.id,
    session: `${act.token.id} ${grant.id}`,
    wanted: wantedOf(opinion.holds),
    guards: opinion.holds.map((guard) => guard.id),
    book: model.book,
    tier: operations[act.operation].tier,
    state: 'waiting',
    answerBy: now + 10 * minute,
    useBy: 0,
    tokenEndsAt: act.token.endsAt,
    yes: new Map(),
    answered: new Set(),
  })
}

export async function act(life: Life): Promise<void> {
  const token = await anyToken(life)
  if (token === undefined) return life.say('a token is refused')
  await actBy(life, token, randomAct(life, token))
}

async function actBy(life: Life, token: Token, act: Act): Promise<void> {
  const address = chanceOf(life.dice, 4) ? '127.0.0.2' : (token.address ?? here)
  life.say(
    `${token.chain.join(' for ')} does ${act.operation} ${act.argument ?? ''} ${act.body} with ${token.id} on ${token.grant ?? 'whatever covers'} from ${address}`,
  )
  const bearer = await identify(life, token, address)
  if (bearer === undefined) return life.count('token refused')
  const want = expected(life, act)
  const verdict = await life.gateway.authorize(callOf(life, bearer, act))
  life.law(verdict.outcome === want.outcome, `expected ${want.outcome}, got ${told(verdict)}`)
  life.count(`action ${verdict.outcome}`)
  if (verdict.outcome === 'held' && want.outcome === 'held') {
    life.law(
      want.hold === undefined ? !life.model.holds.has(verdict.hold) : want.hold.id === verdict.hold,
      `held by ${verdict.hold} and not ${want.hold?.id ?? 'a new one'}`,
    )
    if (want.hold === undefined) noteHeld(life, verdict.hold, act, want)
  }
  if (verdict.outcome !== 'allow' || want.outcome !== 'allow') return
  const { grant, line, hold } = want
  life.law(verdict.decision.grant === grant.id, `allowed under ${verdict.decision.grant} and not ${grant.id}`)
  life.model.began(grant, line, life.now)
  if (hold !== undefined) hold.state = 'spent'
  const endsAt = Math.min(grant.endsAt, token.endsAt)
  const allowed: Allowed = { decision: verdict.decision, token, grant, line, hold, endsAt, book: life.model.book, operation: act.operation }
  if (chanceOf(life.dice, 60)) return send(life, allowed)
  life.allowed.push(allowed)
}

/** An action that was allowed a while ago comes to the door. */
export async function sendOne(life: Life): Promise<void> {
  if (life.allowed.length === 0) return
  const allowed = life.dice.pick(life.allowed)
  life.allowed = life.allowed.filter((each) => each !== allowed)
  life.say(`${allowed.operation} under ${allowed.grant.id}, allowed earlier, is at the door`)
  await send(life, allowed)
}

async function send(life: Life, allowed: Allowed): Promise<void> {
  const { grant, decision } = allowed
  const passes = mayPass(life, allowed)
  const stands = life.gateway.stands(decision)
  life.expect(stands, passes, `the door for ${decision.id}`)
  if (stands.ok) forwarded(life, allowed)
  life.gateway.finish(decision, { result: stands.ok ? 'answered' : 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
  life.model.finished(grant, life.now)
  await life.settle()
}

function mayPass(life: Life, { endsAt, grant, token, book, operation, hold }: Allowed): boolean {
  const { model, now } = life
  if (now >= endsAt || !model.isLive(grant, now) || model.book !== book || !model.stands(grant.chain)) return false
  if (token.proofs.some((proof) => model.revokedProofs.has(proof)) || model.priceOf(grant) === undefined) return false
  return guardsLet(life, { token, operation: operation as OperationName, argument: undefined, body: '' }, hold)
}

/** Guards on arguments cannot have come to apply without other policies; those on people can. */
function guardsLet(life: Life, { token, operation }: Act, hold: Hold | undefined): boolean {
  const beings = token.chain.flatMap((name) => life.model.beings.get(name) ?? [])
  return life.model.book.guards
    .filter((guard) => guard.argument === undefined)
    .filter((guard) =>
      beings.some((being) => (guard.kind ?? being.kind) === being.kind && (guard.role === undefined || being.roles.includes(guard.role))),
    )
    .filter((guard) =>
      guard.on === undefined ? guard.effect === 'any' || guard.effect === operations[operation].effect : guard.on === operation,
    )
    .every((guard) => guard.hold !== undefined && hold?.guards.includes(guard.id) === true)
}

function forwarded(life: Life, { hold, grant, line, decision, endsAt }: Allowed): void {
  life.count('forward')
  life.law(life.now < endsAt, `${decision.id} was forwarded at its end`)
  life.law(decision.grant === grant.id, 'forwarded under another grant')
  const uses = grant.lines[line]?.uses
  life.law(uses === undefined || (grant.spent[line] ?? 0) <= uses, `more than ${uses} uses of ${grant.id}`)
  if (hold === undefined) return
  const times = (life.forwardsByHold.get(hold.id) ?? 0) + 1
  life.forwardsByHold.set(hold.id, times)
  life.law(times === 1, `the approval of ${hold.id} let ${times} actions through`)
}

const interruptions = ['nothing', 'nothing', 'revocation', 'completion', 'quarantine'] as const

/** Many at once on one grant, maybe while somebody stops it: whatever the order, the sums must be right. */
export async function burst(life: Life): Promise<void> {
  const { dice, model } = life
  const active = life
    .openGrants('active')
    .filter((grant) => grant.desk === undefined && model.isLive(grant, life.now) && grant.underWay === 0 && model.stands(grant.chain))
  if (active.length === 0) return
  const grant = dice.pick(active)
  const token = await newToken(life, grant.chain, grant)
  const bearer = token === undefined ? undefined : await identify(life, token, here)
  if (token === undefined || bearer === undefined) return
  const acts = Array.from({ length: 3 + dice.below(6) }, () => randomAct(life, token))
  const interruption = dice.pick(interruptions)
  life.say(`${acts.length} at once under ${grant.id} (${acts.map((each) => each.operation).join(', ')}), with ${interruption}`)
  const wants = acts.map((each) => expected(life, each))
  const before = [...grant.spent]
  const ended = { confirmed: false }
  const caller =
    interruption === 'completion'
      ? await life.world.caller(grant.chain[1] ?? grant.chain[0] ?? '', grant.chain.length > 1 ? grant.chain[0] : undefined)
      : await life.world.caller(operator)
  const [verdicts] = await Promise.all([
    Promise.all(acts.map((each) => through(life, callOf(life, bearer, each), ended))),
    interrupt(life, interruption, { grant, caller, ended }),
  ])
  await life.settle()
  await reconcile(life, { grant, acts, wants, verdicts, before })
  if (interruption === 'quarantine') {
    const [name = ''] = grant.chain
    model.closeAllOf(new Set([name]))
    const being = model.beings.get(name)
    if (being !== undefined) model.beings.set(name, { ...being, contained: true })
    model.hasChanged = true
    model.reevaluate(life.now)
  }
  if (interruption !== 'nothing') model.close(grant)
  life.count(`burst with ${interruption}`)
}

interface Interruption {
  readonly grant: Grant
  readonly caller: Parameters<typeof revokeGrant>[1]
  readonly ended: { confirmed: boolean }
}

async function interrupt(life: Life, how: (typeof interruptions)[number], { grant, caller, ended }: Interruption): Promise<void> {
  const { desk } = life.world
  switch (how) {
    case 'revocation':
      mustBe(await revokeGrant(desk, caller, grant.id as GrantId, 'stop'))
      break
    case 'completion':
      mustBe(await completeGrant(desk, caller, grant.id as GrantId, 'done'))
      break
    case 'quarantine':
      mustBe(await quarantine(desk, caller, grant.chain[0] ?? '', 'odd'))
      break
    case 'nothing':
      return
  }
  ended.confirmed = true
}

interface Passed {
  readonly verdict: Verdict
  readonly sent: boolean
}

/** One of many: decided, through the door, over. */
async function through(life: Life, call: Call, ended: { readonly confirmed: boolean }): Promise<Passed> {
  const verdict = await life.gateway.authorize(call)
  if (verdict.outcome !== 'allow') return { verdict, sent: false }
  const sent = life.gateway.stands(verdict.decision).ok
  life.law(!sent || !ended.confirmed, 'forwarded after the end was confirmed')
  life.gateway.finish(verdict.decision, { result: sent ? 'answered' : 'not-sent', requestBytes: 0, responseBytes: 0, milliseconds: 1 })
  return { verdict, sent }
}

interface Burst {
  readonly grant: Grant
  readonly acts: readonly Act[]
  readonly wants: readonly Expected[]
  readonly verdicts: readonly Passed[]
  readonly before: readonly number[]
}

async function reconcile(life: Life, { grant, acts, wants, verdicts, before }: Burst): Promise<void> {
  const spent = await life.world.desk.store.read((tx) =>
    Promise.all(grant.lines.map(async (_, line) => (await tx.get('uses', `${grant.id}/${line}`))?.spent ?? 0)),
  )
  for (const [line, { uses }] of grant.lines.entries())
    life.law(uses === undefined || (spent[line] ?? 0) <= uses, `more than ${uses} uses of line ${line}`)
  const byHold = new Map<string, number>()
  let counted = 0
  for (const [place, { verdict, sent }] of verdicts.entries()) {
    const [want, act] = [wants[place], acts[place]]
    if (want === undefined || act === undefined) continue
    life.law(want.outcome !== 'deny' || verdict.outcome === 'deny', `one of many is ${told(verdict)} and should be denied`)
    life.law(want.outcome !== 'held' || verdict.outcome !== 'allow', 'one of many was let through unasked')
    if (verdict.outcome === 'held' && want.outcome === 'held' && !life.model.holds.has(verdict.hold))
      noteHeld(life, verdict.hold, act, want)
    if (verdict.outcome !== 'allow' || want.outcome !== 'allow') continue
    if (grant.lines[want.line]?.uses !== undefined) counted += 1
    if (sent) life.count('forward')
    grant.lastUse = life.now
    if (want.hold === undefined) continue
    want.hold.state = 'spent'
    byHold.set(want.hold.id, (byHold.get(want.hold.id) ?? 0) + 1)
  }
  for (const [id, times] of byHold) {
    life.law(times === 1 && !life.forwardsByHold.has(id), `the approval of ${id} let ${times} actions through at once`)
    life.forwardsByHold.set(id, times)
  }
  const more = spent.reduce((sum, each, line) => sum + each - (before[line] ?? 0), 0)
  life.law(counted === more, `${counted} counted actions were allowed, and ${more} uses spent`)
  grant.spent = spent
  const isSpent = grant.lines.every((line, place) => line.uses !== undefined && (spent[place] ?? 0) >= line.uses)
  if (isSpent && counted > 0) life.model.close(grant)
}

function told(verdict: Verdict): string {
  return 'refusal' in verdict ? `${verdict.outcome} (${verdict.refusal.code} ${verdict.refusal.detail ?? ''})` : verdict.outcome
}
