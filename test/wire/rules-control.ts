/** Control as the wire tests need it: the port of gateways over rules given by each test, kept in memory. */
import { createHash } from 'node:crypto'
import { namesOf, noObligations, type Obligations } from '../../src/model/obligations.ts'
import type { Bearer, Call, Clock, Decision, GatewayControl, Outcome, Verdict } from '../../src/control/ports.ts'
import { type DecisionId, type GrantId, type HoldId, makeId, type SessionId } from '../../src/kernel/ids.ts'
import type { Refusal, RefusalCode } from '../../src/kernel/refusals.ts'
import { refuse } from '../../src/kernel/refusals.ts'
import { done, type Result } from '../../src/kernel/result.ts'
import { Secret } from '../../src/kernel/secret.ts'
import { type Action, actionDigest, type Material } from '../../src/model/actions.ts'
import { type HoldState, holdLife, step } from '../../src/model/lives.ts'
import type { VisibleOperation } from '../../src/control/visible.ts'
import type { Service } from '../../src/model/services.ts'

/** What is to become of an action: yes, a person must be asked, or the refusal. */
export type Rule = (action: Action) => 'allow' | 'hold' | RefusalCode

export interface KeptHold {
  readonly id: HoldId
  readonly digest: string
  readonly material: Material
  state: HoldState
  readonly waiters: Set<() => void>
}

interface KeptSession {
  readonly id: SessionId
  readonly grant: GrantId
  endsAt: number
  ended?: string
  readonly listeners: Set<(reason: string) => void>
}

export interface RulesInput {
  readonly services: readonly Service[]
  readonly rule: Rule
  readonly clock?: Clock
  /** The value of the upstream credential's header, by service. */
  readonly secrets?: Readonly<Record<string, string>>
}

/** Real time; timers do not keep the process alive. */
export const systemClock: Clock = {
  now: () => Date.now(),
  after: (milliseconds, work) => {
    const timer = setTimeout(work, milliseconds)
    timer.unref()
    return () => clearTimeout(timer)
  },
}

let count = 0

function nextId<P extends 'ses' | 'grn' | 'hld' | 'dec' | 'tok' | 'idn'>(prefix: P) {
  count += 1
  return makeId(prefix, 0, createHash('sha256').update(`${count}`).digest())
}

export class RulesControl implements GatewayControl {
  readonly gateway = 'local'
  readonly space = 'main'
  readonly finished: { readonly decision: Decision; readonly outcome: Outcome }[] = []
  readonly refusals: { readonly target: string; readonly refusal: Refusal; readonly known: boolean }[] = []
  readonly holds: KeptHold[] = []
  readonly sessions = new Map<string, KeptSession>()
  rule: Rule
  /** What every action that is let through has to be done with. */
  obligations: Obligations = noObligations
  #services: Map<string, Service>
  readonly #clock: Clock
  readonly #secrets: Readonly<Record<string, string>>
  readonly #bearers = new Map<string, Bearer>()
  readonly #followers: (() => void)[] = []
  readonly #attendants = new Set<() => void>()

  constructor({ services, rule, clock = systemClock, secrets = {} }: RulesInput) {
    this.#services = new Map(services.map((service) => [service.id, service]))
    this.rule = rule
    this.#clock = clock
    this.#secrets = secrets
  }

  /** Makes a token that is good for so long, and its session. */
  letIn(token: string, milliseconds = 3_600_000): KeptSession {
    const now = this.#clock.now()
    const session: KeptSession = { id: nextId('ses'), grant: nextId('grn'), endsAt: now + milliseconds, listeners: new Set() }
    this.sessions.set(token, session)
    const claims = {
      jti: nextId('tok'),
      space: 'main',
      chain: [nextId('idn')],
      provedBy: 'test',
      audience: 'urn:remit:main:gateway:local',
      grant: session.grant,
      issuedAt: now,
      expiresAt: session.endsAt,
      proved: {},
    }
    this.#bearers.set(token, { claims, address: '' })
    return session
  }

  endSession(token: string, reason: string): void {
    const session = this.sessions.get(token)
    if (session === undefined) throw new Error('no such session')
    session.ended = reason
    for (const listener of [...session.listeners]) listener(reason)
    for (const listener of this.#attendants) listener()
  }

  answerHold(hold: KeptHold, event: 'approve' | 'deny' | 'expire'): void {
    hold.state = step(holdLife, hold.state, event) ?? hold.state
    for (const waiter of [...hold.waiters]) waiter()
  }

  setServices(services: readonly Service[]): void {
    this.#services = new Map(services.map((service) => [service.id, service]))
    for (const follower of this.#followers) follower()
  }

  services(): readonly Service[] {
    return [...this.#services.values()]
  }

  service(name: string): Service | undefined {
    return this.#services.get(name)
  }

  /** Everything that the service declares, until the token ends. */
  visible({ claims }: Bearer, { routes }: Service): readonly VisibleOperation[] {
    const { grant = 'grn_', expiresAt: endsAt } = claims
    return routes.map(({ name }) => ({ operation: name, answer: 'yes', grant, endsAt, constraints: {} }))
  }

  readBefore(): Promise<Result<undefined>> {
    return Promise.resolve(done(undefined))
  }

  readsAlong(): Result<undefined> {
    return done(undefined)
  }

  riding(): undefined {
    return undefined
  }

  attends({ claims }: Bearer): Result<number> {
    const session = [...this.sessions.values()].find(({ grant }) => grant === claims.grant)
    return session === undefined || session.ended !== undefined ? refuse('session.ended') : done(claims.expiresAt)
  }

  onAttendance(listener: () => void): () => void {
    this.#attendants.add(listener)
    return () => this.#attendants.delete(listener)
  }

  upstreamSecret(service: Service): Result<Secret | undefined> {
    const value = this.#secrets[service.id]
    return done(value === undefined ? undefined : new Secret(value))
  }

  async identify(token: string, address: string): Promise<Result<Bearer>> {
    const bearer = this.#bearers.get(token)
    if (bearer === undefined) return refuse('credential.invalid')
    return done(bearer.address === address ? bearer : { ...bearer, address })
  }

  async authorize(call: Call): Promise<Verdict> {
    const session = [...this.sessions.values()].find(({ grant }) => grant === call.bearer.claims.grant)
    const id = nextId('dec')
    const deny = (code: RefusalCode): Verdict => ({ outcome: 'deny', refusal: { code }, decision: id })
    if (session === undefined || session.ended !== undefined) return deny('session.ended')
    const { obligations } = this
    const decision: Decision = {
      id,
      session: session.id,
      grant: session.grant,
      action: call.action,
      version: 1,
      endsAt: session.endsAt,
      obligations,
      duties: namesOf(obligations),
    }
    const answer = this.rule(call.action)
    if (answer === 'allow') return { outcome: 'allow', decision }
    if (answer !== 'hold') return deny(answer)
    if (call.material === undefined) return { outcome: 'needs-material' }
    const digest = actionDigest(
      call.action,
      call.material,
      call.bearer.claims.chain.map(() => 'idn_x'),
      session.grant,
    )
    const hold = this.holds.find((one) => one.digest === digest) ?? this.#open(digest, call.material)
    const held: Verdict = {
      outcome: 'held',
      refusal: { code: 'action.held' },
      decision: id,
      hold: hold.id,
      page: `http://desk.test/holds/${hold.id}`,
    }
    switch (hold.state) {
      case 'approved':
        hold.state = step(holdLife, hold.state, 'spend') ?? hold.state
        return { outcome: 'allow', decision }
      case 'denied':
        return deny('action.denied-by-person')
      default:
        return hold.state === 'waiting' ? held : deny('action.changed')
    }
  }

  stands(decision: Decision): Result<undefined> {
    const session = [...this.sessions.values()].find(({ id }) => id === decision.session)
    if (session === undefined || session.ended !== undefined) return refuse('session.ended')
    return this.#clock.now() < decision.endsAt ? done(undefined) : refuse('grant.ended')
  }

  goesOn(): () => void {
    return () => {}
  }

  finish(decision: Decision, outcome: Outcome): void {
    if (this.finished.some((one) => one.decision.id === decision.id)) throw new Error('an outcome was recorded twice')
    this.finished.push({ decision, outcome })
  }

  refused(input: { readonly bearer?: Bearer; readonly target: string; readonly refusal: Refusal }): DecisionId {
    this.refusals.push({ target: input.target, refusal: input.refusal, known: input.bearer !== undefined })
    return nextId('dec')
  }

  holdAnswered(id: HoldId, wait: number, signal: AbortSignal): Promise<HoldState> {
    const hold = this.holds.find((one) => one.id === id)
    if (hold === undefined) throw new Error('no such hold')
    return new Promise((resolve) => {
      const settle = () => {
        callOff()
        hold.waiters.delete(settle)
        signal.removeEventListener('abort', settle)
        resolve(hold.state)
      }
      const callOff = this.#clock.after(wait, settle)
      if (hold.state !== 'waiting' || signal.aborted) settle()
      else {
        hold.waiters.add(settle)
        signal.addEventListener('abort', settle)
      }
    })
  }

  onEnd(id: SessionId, cut: (reason: string) => void): () => void {
    const session = [...this.sessions.values()].find((one) => one.id === id)
    session?.listeners.add(cut)
    return () => session?.listeners.delete(cut)
  }

  /** Set where a lease has ended. */
  isOver = false

  stopReason(): string | undefined {
    return this.isOver ? 'control was lost' : undefined
  }

  onServices(listener: () => void): void {
    this.#followers.push(listener)
  }

  #open(digest: string, material: Material): KeptHold {
    const hold: KeptHold = { id: nextId('hld'), digest, material, state: 'waiting', waiters: new Set() }
    this.holds.push(hold)
    return hold
  }
}
