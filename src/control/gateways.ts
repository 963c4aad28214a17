/** Gateways that run elsewhere: invited by name with a one-time code, enrolled under one key, removed for good. */
import { createHash } from 'node:crypto'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { type EnrolledGateway, gatewayOf } from '../model/gateways.ts'
import { gatewayLife, step } from '../model/lives.ts'
import { isName, isTakenName } from '../model/scope.ts'
import { parseVkey } from '../ledger/note.ts'
import { type Caller, type Desk, type DeskRight, machinery, note } from './desk.ts'
import { everyRecord } from './every-record.ts'
import type { Change } from './ports.ts'
import { remember } from './remembered.ts'
import { callerMay } from './rights.ts'

/** How long a code may be used. */
export const codeMs: Milliseconds = 900_000
/** Of one space, invited ones among them. */
const gatewaysMax = 1_000

export interface GatewayInvited {
  readonly gateway: EnrolledGateway
  /** The secret part of the code: shown once, kept as its hash. */
  readonly code: Secret
}

/**
 * A code with which one process enrols as `name`, once, within 15 minutes. An earlier invitation of that name that nobody used is void.
 * Refuses `name.used` where a gateway of the name is enrolled.
 */
export function inviteGateway(
  desk: Desk,
  caller: Caller,
  { name, gateway }: { readonly name: string; readonly gateway: string },
): Promise<Result<GatewayInvited>> {
  return desk.store.change(async (tx) => {
    const may = callerMay(desk, caller, 'administer')
    if (!may.ok) return may
    if (!isName(name) || !isName(gateway)) return refuse('input.invalid', { detail: 'a name is lowercase letters, digits and . _ -' })
    if (isTakenName(name)) return refuse('name.used', { detail: name })
    const [earlier] = await liveOf(tx, name)
    if (earlier?.state === 'enrolled') return refuse('name.used', { detail: `the gateway ${name} is enrolled` })
    if (earlier !== undefined) await endGateway(tx, earlier, { by: caller.actor.name, right: may.value, reason: 'invited anew' })
    if (desk.facts.enrolled.all().length + (await tx.find('gateway', { state: 'invited' }, { max: gatewaysMax })).length >= gatewaysMax)
      return refuse('rate.exceeded', { detail: `at most ${gatewaysMax} gateways` })
    const code = Buffer.from(desk.chance.bytes(20)).toString('hex')
    const invited: EnrolledGateway = {
      id: desk.chance.id('gtw', tx.now),
      space: desk.space,
      name,
      gateway,
      state: 'invited',
      codeHash: codeHash(code),
      codeEndsAt: tx.now + codeMs,
      invitedAt: tx.now,
    }
    await tx.put('gateway', invited)
    const facts = { name, gateway, codeEndsAt: invited.codeEndsAt }
    await note(tx, { kind: 'gateway.invited', actor: caller.actor.name, subject: invited.id, facts, right: may.value })
    return done({ gateway: invited, code: new Secret(code) })
  })
}

/** SHA-256 in hex of the secret part of a code. */
export function codeHash(code: string): string {
  return createHash('sha256').update(code).digest('hex')
}

/** The name that a gateway's journal is signed under: of its key, so that no gateway can speak for the journal of another. */
export function journalName(key: string): string {
  return `remit.gateway/${key.slice(0, 32)}`
}

export interface Enrolment {
  /** SHA-256 of what was shown. */
  readonly codeHash: string
  /** SHA-256 in hex of the public key (SPKI) that it proved to hold. */
  readonly key: string
  /** vkey of its journal. */
  readonly journal: string
  readonly address: string
}

/**
 * Binds the code to the key, once: a second use is refused, unless it is the same key that comes back because it did not hear the answer.
 * Whatever is wrong, the answer is `enrolment.refused`: who tries codes learns nothing. Of what is wrong with a code that there is, the
 * watcher hears.
 */
export async function enrolGateway(desk: Desk, watcher: GatewayWatcher, enrolment: Enrolment): Promise<Result<EnrolledGateway>> {
  const { key, journal, address } = enrolment
  const vkey = parseVkey(journal)
  if (!vkey.ok || vkey.value.kind !== 'signs' || vkey.value.name !== journalName(key)) return refuse('enrolment.refused')
  const enrolled = await desk.store.change(
    async (tx): Promise<Result<{ readonly gateway: EnrolledGateway; readonly misused?: string }>> => {
      const [found] = await tx.find('gateway', { codeHash: enrolment.codeHash })
      if (found === undefined) return refuse('enrolment.refused')
      const isInTime = tx.now < found.codeEndsAt
      if (isInTime && found.state === 'enrolled' && found.key === key && found.journal === journal) return done({ gateway: found })
      const state = step(gatewayLife, found.state, 'enrol')
      if (state === undefined) return done({ gateway: found, misused: `its code was used again, from ${address}` })
      if (!isInTime) return done({ gateway: found, misused: `its code was used after its time, from ${address}` })
      const [other] = await tx.find('gateway', { key })
      if (other !== undefined) return done({ gateway: found, misused: `its code was used with the key of ${other.name}, from ${address}` })
      const gateway: EnrolledGateway = { ...found, state, key, journal, enrolledAt: tx.now, address }
      await tx.put('gateway', gateway)
      const facts = { name: found.name, gateway: found.gateway, key, journal, address }
      await note(tx, { kind: 'gateway.enrolled', actor: machinery, subject: found.id, facts })
      return done({ gateway })
    },
  )
  if (!enrolled.ok) return enrolled
  const { gateway, misused } = enrolled.value
  if (misused === undefined) return done(gateway)
  await watcher.tell('enrolment-code-reused', { gateway, how: misused, address })
  return refuse('enrolment.refused')
}

export interface GatewayRemoved {
  readonly gateway: EnrolledGateway
  /** Services whose secrets it may have had. */
  readonly secrets: readonly string[]
}

/**
 * For whoever may stop, or administers: its link ends with this, its key is refused from then on, and its name is free. Answers when its
 * lease is over: until then it may act, as far as anybody knows.
 */
export function removeGateway(desk: Desk, caller: Caller, name: string, reason: string): Promise<Result<GatewayRemoved>> {
  return desk.stopping.through(() =>
    desk.store.change(async (tx) => {
      const stops = callerMay(desk, caller, 'stop')
      const may = stops.ok ? stops : callerMay(desk, caller, 'administer')
      // The right first: whoever lacks it hears the same of a name that is there and of one that is not.
      if (!may.ok) return may
      const [live] = await liveOf(tx, name)
      if (live === undefined) return refuse('not-found')
      const gateway = await endGateway(tx, live, { by: caller.actor.name, right: may.value, reason })
      const served = desk.facts.services().filter((service) => gatewayOf(service) === gateway.gateway && service.credential !== undefined)
      return done({ gateway, secrets: live.state === 'enrolled' ? served.map(({ id }) => id) : [] })
    }),
  )
}

/** Every gateway of the space that is not removed. For whoever audits, operates, stops or administers. */
export async function listGateways(desk: Desk, caller: Caller): Promise<Result<readonly EnrolledGateway[]>> {
  const audits = callerMay(desk, caller, 'audit')
  const may = audits.ok || (['stop', 'operate', 'administer'] as const).some((action) => callerMay(desk, caller, action).ok)
  if (!may) return audits
  return done(
    await desk.store.read(async (tx) => {
      const found: EnrolledGateway[] = []
      for await (const gateway of everyRecord(tx, 'gateway', { state: ['invited', 'enrolled'] })) found.push(gateway)
      return found
    }),
  )
}

function liveOf(tx: Change, name: string): Promise<EnrolledGateway[]> {
  return tx.find('gateway', { name, state: ['invited', 'enrolled'] }, { max: 1 })
}

/** Ends it, for deeds that have settled who may. */
export async function endGateway(
  tx: Change,
  gateway: EnrolledGateway,
  { by, right, reason }: { readonly by: string; readonly right: DeskRight; readonly reason: string },
): Promise<EnrolledGateway> {
  const state = step(gatewayLife, gateway.state, 'remove')
  if (state === undefined) throw new Error('a gateway that is there can be removed')
  const removed: EnrolledGateway = { ...gateway, state, removedAt: tx.now }
  await tx.put('gateway', removed)
  const facts = {
    name: gateway.name,
    gateway: gateway.gateway,
    was: gateway.state,
    ...(gateway.key === undefined ? {} : { key: gateway.key }),
    reason,
  }
  await note(tx, { kind: 'gateway.removed', actor: by, subject: gateway.id, facts, right })
  return removed
}

export interface GatewayMisuse {
  readonly gateway: EnrolledGateway
  readonly how: string
  readonly address: string
}

const toldEvery: Milliseconds = 60_000
const toldMax = 10_000

/** Tells whoever watches of codes and keys that are used by somebody who should not have them: of each once a minute at most. */
export class GatewayWatcher {
  readonly #desk: Desk
  readonly #alarm: (says: string) => void
  readonly #last = new Map<string, { readonly id: string; readonly at: Instant }>()

  constructor(desk: Desk, alarm: (says: string) => void) {
    this.#desk = desk
    this.#alarm = alarm
  }

  async tell(kind: 'enrolment-code-reused' | 'gateway-key-unknown', { gateway, how, address }: GatewayMisuse): Promise<void> {
    const desk = this.#desk
    const about = `${kind} ${gateway.id}`
    const now = desk.clock.now()
    const last = this.#last.get(about)
    if (last !== undefined && now - last.at < toldEvery) return
    this.#last.delete(about)
    remember(this.#last, { id: about, at: now }, toldMax)
    this.#alarm(`the gateway ${gateway.name}: ${how}; see to it that it is yours, or remove it`)
    await desk.store.change(async (tx) => {
      const id = desk.chance.id('sgn', tx.now)
      await tx.put('signal', { id, space: desk.space, kind, about: gateway.id, at: tx.now })
      const facts = { kind, gateway: gateway.id, name: gateway.name, how, address }
      await note(tx, { kind: 'signal.raised', actor: machinery, subject: id, facts })
      return done(undefined)
    })
  }
}
