/** What a gateway asks its home for: answered only where it is this gateway's business, and where control's own facts say yes as well. */
import { createHash } from 'node:crypto'
import { type GrantId, parseId } from '../kernel/ids.ts'
import { type Refusal, refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { StoreUnavailable } from '../kernel/store-unavailable.ts'
import { type Answer, decide, isLive, isSameChain } from '../decision/decide.ts'
import { chainStands } from '../decision/facts.ts'
import { type Action, actionDigest, type Material } from '../model/actions.ts'
import { readDefinition } from '../model/definitions.ts'
import type { EnrolledGateway } from '../model/gateways.ts'
import type { Grant, Session } from '../model/grants.ts'
import { findRoute } from '../model/services.ts'
import type { Desk } from '../control/desk.ts'
import { asksTheSame, holdAction } from '../control/holds.ts'
import { bindToken, type ElsewhereSignals, endExhausted, openSession, settle } from '../control/home.ts'
import { openAfter } from '../control/orders.ts'
import { pinDefinition } from '../control/pins.ts'
import { gatewayAudience } from '../control/identify.ts'
import { parseClaims } from '../control/parse-claims.ts'
import type { TokenClaims } from '../control/ports.ts'
import { markUntrusted, readBefore } from '../control/untrusted.ts'
import { unheard } from '../control/unmet.ts'
import type { Reservations } from '../control/reservations.ts'
import { servicesOf } from './feed-index.ts'
import type { Interest } from './interest.ts'
import type { Answered, Ask } from './messages.ts'
import { strippedBinding, strippedHold } from './outgoing-records.ts'
import { ServedAgents } from './served-agents.ts'
import { Pace } from './served-limits.ts'

type AskOf<What extends Ask['what']> = Extract<Ask, { readonly what: What }>

export interface AskParts {
  readonly desk: Desk
  readonly gateway: EnrolledGateway
  readonly protocol: number
  /** By which its signs of life are kept. */
  readonly source: string
  readonly interest: Interest
  readonly signals: ElsewhereSignals
  readonly reservations: Reservations
  readonly renewCertificate: (gateway: EnrolledGateway, request: string) => Promise<Result<string>>
  /** Resolves once whatever was committed before is applied here. */
  readonly caughtUp: () => Promise<void>
  readonly alarm: (says: string, cause?: unknown) => void
}

/** Larger ones are not held: as at the gateway's own door. */
const bodyBytesMax = 1_048_576
/** Signals are written down one by one: a gateway that sees more than this says so of the others' sake only once a second. */
const signalsPerSecond = 20

export class ServedAsks {
  readonly #at: AskParts
  readonly #signals = new Pace(signalsPerSecond)
  readonly #agents: ServedAgents

  constructor(at: AskParts) {
    this.#at = at
    this.#agents = new ServedAgents(at.desk)
  }

  /** Never throws: what goes wrong here is a no. */
  async answer(ask: Ask): Promise<Answered> {
    const { desk, alarm, gateway } = this.#at
    if (!desk.store.isHeld()) return { ok: false, code: 'store.unavailable' }
    try {
      const answered = await this.#dispatch(ask)
      return answered.ok ? answered.value : refused(answered.refusal)
    } catch (cause) {
      if (cause instanceof StoreUnavailable) return { ok: false, code: 'store.unavailable' }
      alarm(`what the gateway ${gateway.name} asked could not be answered (${ask.what}), and was refused`, cause)
      return { ok: false, code: 'internal' }
    }
  }

  #dispatch(ask: Ask): Promise<Result<Answered>> {
    switch (ask.what) {
      case 'bind':
        return this.#bind(ask)
      case 'used-elsewhere':
        return this.#usedElsewhere(ask)
      case 'open-session':
        return this.#openSession(ask)
      case 'settle':
        return this.#settle(ask)
      case 'hold':
        return this.#hold(ask)
      case 'pin':
        return this.#pin(ask)
      case 'mark-untrusted':
        return this.#markUntrusted(ask)
      case 'read-before':
        return this.#readBefore(ask)
      case 'answered':
        return this.#answered(ask)
      case 'agent':
        return this.#agent(ask)
      case 'exhausted':
        return this.#exhausted(ask.grant)
      case 'reserve':
      case 'release':
        return this.#reserve(ask)
      case 'renew-certificate':
        return this.#renewCertificate(ask.request)
    }
  }

  async #bind({ claims, address, token }: AskOf<'bind'>): Promise<Result<Answered>> {
    const { desk, gateway } = this.#at
    const read = token === undefined ? done(claims) : await this.#read(token, claims)
    if (!read.ok) return read
    const stands = this.#claimsStand(read.value)
    if (!stands.ok) return stands
    // What a gateway only says of somebody must not be how it hears more of them.
    const bound = await bindToken(desk, read.value, address, token === undefined ? undefined : gateway.gateway)
    return bound.ok ? done({ ok: true, binding: strippedBinding(bound.value).record }) : bound
  }

  /** What the token says, where it is the one that the gateway asks about. */
  async #read(token: string, { jti }: TokenClaims): Promise<Result<TokenClaims>> {
    const { desk, gateway } = this.#at
    const written = await desk.mint.read(token, gatewayAudience(desk.space, gateway.gateway))
    const read = written.ok ? parseClaims(written.value) : written
    return read.ok && read.value.jti !== jti ? refuse('credential.invalid') : read
  }

  /** An agent is whoever its token says, and nobody is taken for one by a gateway's word. */
  async #agent({ claims, address, token, deed }: AskOf<'agent'>): Promise<Result<Answered>> {
    await this.#at.caughtUp()
    const read = await this.#read(token, claims)
    if (!read.ok) return read
    const said = await this.#agents.answer({ bearer: { claims: read.value, address }, token }, deed)
    return said.ok ? done({ ok: true, agent: said.value }) : said
  }

  async #usedElsewhere({ claims, bound, address }: AskOf<'used-elsewhere'>): Promise<Result<Answered>> {
    const { desk, signals } = this.#at
    const stands = this.#claimsStand(claims)
    if (!stands.ok) return stands
    if (!this.#signals.isKept(desk.clock.now())) return refuse('rate.exceeded')
    await signals.tell(claims, { bound, address })
    return done({ ok: true })
  }

  async #openSession({ claims, address, grant: named }: AskOf<'open-session'>): Promise<Result<Answered>> {
    const { desk, gateway } = this.#at
    await this.#at.caughtUp()
    const grant = this.#grantOf(claims, named)
    if (!grant.ok) return grant
    const opened = await openSession(desk, gateway.gateway, { claims, address }, grant.value.id)
    if (!opened.ok) return opened
    // A gateway of a version before does not say what is read there: whatever may be, counts as read.
    const action = this.#at.protocol < 3 ? this.#readable(grant.value) : undefined
    const marked =
      action === undefined ? done(undefined) : await markUntrusted(desk, { bearer: { claims, address }, session: opened.value, action })
    return marked.ok ? done({ ok: true, session: opened.value }) : marked
  }

  /** An operation of a service of its own that the grant names, whose result anybody may have written. */
  #readable(grant: Grant): Pick<Action, 'service' | 'operation'> | undefined {
    for (const name of servicesOf(grant)) {
      const service = this.#at.interest.service(name)
      const route = service?.protocol === 'mcp' ? service.routes.find(({ trust }) => trust !== 'trusted') : undefined
      if (route !== undefined) return { service: name, operation: route.name }
    }
    return undefined
  }

  async #markUntrusted({ claims, address, ...ask }: AskOf<'mark-untrusted'>): Promise<Result<Answered>> {
    const { desk, interest } = this.#at
    await this.#at.caughtUp()
    const grant = this.#grantOf(claims, ask.grant)
    if (!grant.ok) return grant
    const session = this.#sessionOf(claims, grant.value.id, ask.session)
    if (!session.ok) return session
    const { service: name, operation } = ask
    const service = interest.service(name)
    if (service === undefined || findRoute(service, operation) === undefined)
      return refuse('action.changed', { detail: 'it is declared otherwise' })
    const marked = await markUntrusted(desk, { bearer: { claims, address }, session: session.value, action: { service: name, operation } })
    return marked.ok ? done({ ok: true }) : marked
  }

  async #readBefore({ claims, address }: AskOf<'read-before'>): Promise<Result<Answered>> {
    const { desk, gateway } = this.#at
    const stands = this.#claimsStand(claims)
    if (!stands.ok) return stands
    const read = await readBefore(desk, gateway.gateway, { claims, address })
    return done({ ok: true, ...(read === undefined ? {} : { read }) })
  }

  async #settle(ask: AskOf<'settle'>): Promise<Result<Answered>> {
    const { desk } = this.#at
    const { claims, address, action, material } = ask
    const weighed = await this.#weigh(ask)
    if (!weighed.ok) return weighed
    const { answer, session } = weighed.value
    const line = answer.counted ? answer.line : undefined
    if (line !== ask.line) return refuse('action.changed', { detail: 'another line of the grant carries it' })
    const hold = answer.outcome === 'hold' ? this.#approved(ask, { answer, session }) : undefined
    if (hold?.ok === false) return hold
    if (hold === undefined && ask.hold !== undefined) return refuse('action.changed', { detail: 'nothing holds it any more' })
    const settled = await settle(desk, {
      bearer: { claims, address },
      action,
      ...(material === undefined ? {} : { material }),
      grant: answer.grant.id,
      session: session.id,
      ...(line === undefined ? {} : { line }),
      ...(hold === undefined ? {} : { hold: hold.value }),
    })
    return settled.ok ? done({ ok: true }) : settled
  }

  /** The approval that the gateway wants to spend: of exactly this action, on this session, for what is asked for now. */
  #approved(ask: AskOf<'settle'>, { answer, session }: Weighed): Result<`hld_${string}`> {
    const { desk } = this.#at
    const id = parseId('hld', ask.hold)
    const hold = id.ok ? desk.facts.hold(id.value) : undefined
    if (!id.ok || hold === undefined || hold.session !== session.id || hold.grant !== answer.grant.id) return refuse('action.changed')
    const digest = ask.material === undefined ? undefined : actionDigest(ask.action, ask.material, answer.grant.chain, answer.grant.id)
    if (hold.digest !== digest || answer.outcome !== 'hold' || !asksTheSame(hold, answer.requirement)) return refuse('action.changed')
    return done(id.value)
  }

  async #hold(ask: AskOf<'hold'>): Promise<Result<Answered>> {
    const { claims, address, action, material, says } = ask
    const body = bodyOf(ask.body, material)
    if (!body.ok) return body
    const said = saysOf(ask)
    if (!said.ok) return said
    const weighed = await this.#weigh(ask)
    if (!weighed.ok) return weighed
    const { answer, session } = weighed.value
    if (answer.outcome !== 'hold') return refuse('action.changed', { detail: 'nothing holds it any more' })
    const digest = actionDigest(action, material, answer.grant.chain, answer.grant.id)
    if (digest !== ask.digest) return refuse('action.changed', { detail: 'its digest is another one' })
    const bearer = { claims, address }
    const held = await holdAction(this.#at.desk, {
      bearer,
      session,
      grant: answer.grant,
      digest,
      action,
      material,
      answer,
      body: body.value,
      ...(says === undefined ? {} : { says }),
    })
    return held.ok ? done({ ok: true, hold: strippedHold(held.value).record }) : held
  }

  async #pin(ask: AskOf<'pin'>): Promise<Result<Answered>> {
    const { claims, address, action, says } = ask
    const said = saysOf(ask)
    if (!said.ok) return said
    await this.#at.caughtUp()
    const grant = this.#grantOf(claims, ask.grant)
    if (!grant.ok) return grant
    if (!this.#isDeclared(action)) return refuse('action.changed', { detail: 'it is declared otherwise' })
    const pinning = { bearer: { claims, address }, action, grant: grant.value.id, ...(says === undefined ? {} : { says }) }
    const pinned = await pinDefinition(this.#at.desk, pinning)
    return pinned.ok ? done({ ok: true }) : pinned
  }

  async #answered(ask: AskOf<'answered'>): Promise<Result<Answered>> {
    const { desk } = this.#at
    await this.#at.caughtUp()
    const grant = this.#grantOf(ask.claims, ask.grant)
    if (!grant.ok) return grant
    const session = this.#sessionOf(ask.claims, grant.value.id, ask.session)
    if (!session.ok) return session
    const id = parseId('dec', ask.decision)
    if (!id.ok || !this.#isDeclared(ask.action)) return refuse('action.changed', { detail: 'it is declared otherwise' })
    const opened = await openAfter(desk, {
      decision: { id: id.value, grant: grant.value.id, session: session.value.id, action: ask.action },
    })
    return opened.ok ? done({ ok: true }) : opened
  }

  async #exhausted(named: string): Promise<Result<Answered>> {
    const { desk, source, interest } = this.#at
    const id = parseId('grn', named)
    if (!id.ok || !interest.hasGrant(id.value)) return refuse('grant.missing')
    // It says so when nothing of it is under way there: later than its last sign of life.
    desk.activity.report(source, { grant: id.value, lastUse: desk.clock.now(), underWay: 0 })
    await endExhausted({ desk, facts: desk.facts, activity: desk.activity }, id.value)
    return done({ ok: true })
  }

  async #reserve(ask: AskOf<'reserve' | 'release'>): Promise<Result<Answered>> {
    const { interest, reservations } = this.#at
    const id = parseId('grn', ask.grant)
    if (!id.ok || !interest.hasGrant(id.value)) return refuse('grant.missing')
    const { line, uses } = ask
    const handed =
      ask.what === 'reserve'
        ? await reservations.reserve({ grant: id.value, line, uses })
        : await reservations.release({ grant: id.value, line, uses })
    return handed.ok ? done({ ok: true, uses: handed.value }) : handed
  }

  async #renewCertificate(request: string): Promise<Result<Answered>> {
    const { renewCertificate, gateway } = this.#at
    const renewed = await renewCertificate(gateway, request)
    return renewed.ok ? done({ ok: true, certificate: renewed.value }) : renewed
  }

  /** Claims that a token for this gateway can have, of a chain that stands. */
  #claimsStand(claims: TokenClaims): Result<undefined> {
    const { desk, gateway } = this.#at
    const now = desk.clock.now()
    const isOurs = claims.space === desk.space && claims.audience === gatewayAudience(desk.space, gateway.gateway)
    if (!isOurs || now >= claims.expiresAt) return refuse('credential.invalid')
    const chain = chainStands(desk.facts, claims.chain)
    if (!chain.ok) return chain
    return desk.facts.isProofLive(claims.provedBy, now) ? done(undefined) : refuse('credential.invalid')
  }

  /** The live grant that these claims ride, where it is this gateway's business: any other answers as one that is not there. */
  #grantOf(claims: TokenClaims, named: string): Result<Grant> {
    const { desk, interest } = this.#at
    const stands = this.#claimsStand(claims)
    if (!stands.ok) return stands
    const id = parseId('grn', named)
    const grant = id.ok && interest.hasGrant(id.value) ? desk.facts.grant(id.value) : undefined
    const isRidden = grant !== undefined && isSameChain(grant.chain, claims.chain) && (claims.grant ?? grant.id) === grant.id
    if (!isRidden) return refuse('grant.missing')
    return isLive(grant, desk.clock.now()) ? done(grant) : refuse('grant.ended')
  }

  /** Decided again, from what control knows. */
  async #weigh(ask: AskOf<'settle' | 'hold'>): Promise<Result<Weighed>> {
    const { desk } = this.#at
    const { claims, address, action } = ask
    await this.#at.caughtUp()
    const grant = this.#grantOf(claims, ask.grant)
    if (!grant.ok) return grant
    const session = this.#sessionOf(claims, grant.value.id, ask.session)
    if (!session.ok) return session
    if (!this.#isDeclared(action)) return refuse('action.changed', { detail: 'it is declared otherwise' })
    // A gateway that knows what tools are says it with every call of one.
    const missing = this.#at.protocol < 3 ? undefined : unheard({ action })
    if (missing !== undefined) return { ok: false, refusal: missing }
    const question = { chain: claims.chain, proof: claims.provedBy, grant: grant.value.id, action, address, refusals: 0 }
    const answer = decide(desk.facts, question, desk.clock.now())
    return answer.outcome === 'deny' ? { ok: false, refusal: answer.refusal } : done({ answer, session: session.value })
  }

  #sessionOf({ jti }: TokenClaims, grant: GrantId, named: string): Result<Session> {
    const { desk, gateway } = this.#at
    const id = parseId('ses', named)
    const session = id.ok ? desk.facts.session(id.value) : undefined
    const isOwn = session !== undefined && session.token === jti && session.grant === grant && session.gateway === gateway.gateway
    return isOwn && session.state === 'live' ? done(session) : refuse('session.ended')
  }

  /** A declared operation of one of its own services, with the effect and the price that it has. */
  #isDeclared({ service: name, operation, effect, tier }: Action): boolean {
    const service = this.#at.interest.service(name)
    const route = service === undefined ? undefined : findRoute(service, operation)
    return route !== undefined && route.effect === effect && route.tier === tier
  }
}

interface Weighed {
  readonly answer: Exclude<Answer, { readonly outcome: 'deny' }>
  readonly session: Session
}

function refused({ code, detail, policies }: Refusal): Answered {
  return { ok: false, code, ...(detail === undefined ? {} : { detail }), ...(policies === undefined ? {} : { policies }) }
}

/** What people are shown of a tool is what the action names by its hash. */
function saysOf({ action: { definition }, says }: AskOf<'hold' | 'pin'>): Result<unknown> {
  return says === undefined ? done(undefined) : readDefinition(says, definition?.hash ?? '')
}

/** The body that people are shown is the one that the digest names. */
function bodyOf(text: string | undefined, material: Material): Result<Uint8Array | undefined> {
  if (text === undefined) return done(undefined)
  const body = Buffer.from(text, 'base64')
  if (body.byteLength > bodyBytesMax) return refuse('hold.too-large')
  const isIt = createHash('sha256').update(body).digest('hex') === material.bodySha256
  return isIt ? done(body) : refuse('action.changed', { detail: 'the body is not the one of the digest' })
}
