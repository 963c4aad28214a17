/** The client of Remit's API: one method for each thing that may be asked of it. */
import type { CanQuery, CanView, WhoCanQuery, WhoCanView } from '../wire/can.ts'
import type {
  ChangeSetList,
  ChangeSetQuery,
  ChangeSetView,
  ConfigurationBody,
  ExportView,
  PlanView,
  ProposalBody,
  ProposedView,
} from '../wire/configuration.ts'
import type { ExceptionBody, ExceptionList, ExceptionQuery, ExceptionView, StandingView } from '../wire/exceptions.ts'
import type {
  ClosingBody,
  EligibleList,
  ExtensionBody,
  GrantList,
  GrantQuery,
  GrantRequestBody,
  EndedGrantView,
  GrantView,
  GrantWait,
  HeartbeatView,
  RevocationView,
} from '../wire/grants.ts'
import type { HoldList, HoldQuery, HoldView, RecentView } from '../wire/holds.ts'
import type {
  CredentialView,
  IdentityList,
  IdentityView,
  InvitationBody,
  InvitationProposedView,
  InvitationView,
  QuarantineView,
  SecretView,
  WhoamiView,
} from '../wire/identities.ts'
import type { CheckpointView, EntryProofView, ErasedView, ExplanationView, HealthView, LedgerEntryList } from '../wire/ledger.ts'
import type { DrillView, GatewayInvitationBody, GatewayInvitationView, GatewayList, GatewayRemovedView } from '../wire/gateways.ts'
import type { ReplayBody, ReplayView } from '../wire/replay.ts'
import type { ApplicationList } from '../wire/applications.ts'
import type { ServiceList } from '../wire/services.ts'
import type { TokenAnswer } from '../wire/tokens.ts'
import { type CallOptions, configurationMs, waitOptions } from './call-options.ts'
import { type Credential, exchangeCredential, givenToken, proofText, type Proof } from './credentials.ts'
import { type Call, callApi, type Fetch, type Line, streamLines } from './http-calls.ts'
import { parseAnswer } from './parse-answers.ts'
import { RemitRefusal, RemitUnreachable } from './remit-refusal.ts'
import { type Replaying, replayPolicies } from './replay.ts'
import { TokenKeeper } from './token-keeper.ts'
import { type Waiting, waitForChangeSet, waitForGrant, waitForHold } from './waiting.ts'
import { type TaskRequest, type Work, withGrant } from './with-grant.ts'

export interface RemitOptions {
  /** Where the API is, such as `https://remit.example`. */
  readonly url: string
  readonly credential: Credential
  /** The Remit token of whom this caller acts for; the grant then belongs to the chain of both. */
  readonly actsFor?: Proof
  /** Asked of Remit when it is needed and not given. */
  readonly space?: string
  readonly fetch?: Fetch
}

/**
 * A client like the command line is one. Methods throw `RemitRefusal` when Remit says no, `RemitUnreachable` when nobody answers, and
 * the signal's reason when the caller breaks off. Only what cannot happen twice is tried again.
 */
export class Remit {
  readonly #line: Line
  readonly #options: RemitOptions
  readonly #control: TokenKeeper
  #space: string | undefined

  constructor(options: RemitOptions) {
    this.#line = { url: options.url, fetch: options.fetch ?? globalThis.fetch }
    this.#options = options
    this.#space = options.space
    this.#control = new TokenKeeper(() => this.#controlToken())
  }

  get url(): string {
    return this.#line.url
  }

  async whoami(options?: CallOptions): Promise<WhoamiView> {
    return this.#read('/v1/whoami', 'identity', options)
  }

  /** What this caller may ask for: each operation under a kind of task that opens it. */
  async eligible(about: { readonly task?: string; readonly ticket?: string } = {}, options?: CallOptions): Promise<EligibleList> {
    return this.#ask({ method: 'GET', path: '/v1/eligible', query: { ...about } }, 'eligible', options)
  }

  async requestGrant(request: GrantRequestBody, options?: CallOptions): Promise<GrantView> {
    return this.#post('/v1/grants', request, 'id', options)
  }

  async grants(query: GrantQuery = {}, options?: CallOptions): Promise<GrantList> {
    return this.#ask({ method: 'GET', path: '/v1/grants', query: { ...query } }, 'grants', options)
  }

  /** With `wait` and `state` the answer comes when the grant leaves that state, or after so many seconds. */
  async grant(id: string, wait: GrantWait = {}, options?: CallOptions): Promise<GrantView> {
    const call = { method: 'GET', path: `/v1/grants/${encodeURIComponent(id)}`, query: { ...wait } } as const
    return this.#ask(call, 'id', waitOptions(wait.wait, options))
  }

  /** Starts the work window. Repeating it answers the same. */
  async activate(id: string, options?: CallOptions): Promise<GrantView> {
    return this.#repeat(`/v1/grants/${encodeURIComponent(id)}/activate`, {}, 'id', options)
  }

  async extend(id: string, by: ExtensionBody, options?: CallOptions): Promise<GrantView> {
    return this.#post(`/v1/grants/${encodeURIComponent(id)}/extend`, by, 'id', options)
  }

  /** The task is finished: the grant ends everywhere now; answers once every gateway has confirmed, or can let nothing through any more. */
  async done(id: string, closing: ClosingBody = {}, options?: CallOptions): Promise<EndedGrantView> {
    return this.#end(id, 'done', closing, options)
  }

  async abandon(id: string, closing: ClosingBody = {}, options?: CallOptions): Promise<EndedGrantView> {
    return this.#end(id, 'abandon', closing, options)
  }

  /** Stops somebody's grant; answers once every gateway has confirmed, or can let nothing through any more: that takes ten seconds at most. */
  async revoke(id: string, reason: string, options?: CallOptions): Promise<RevocationView> {
    return this.#post(`/v1/grants/${encodeURIComponent(id)}/revoke`, { reason }, 'grant', options)
  }

  /** A sign of life from whoever wraps the work. */
  async heartbeat(id: string, options?: CallOptions): Promise<HeartbeatView> {
    return this.#repeat(`/v1/grants/${encodeURIComponent(id)}/heartbeat`, {}, 'state', options)
  }

  async holds(query: HoldQuery = {}, options?: CallOptions): Promise<HoldList> {
    return this.#ask({ method: 'GET', path: '/v1/holds', query: { ...query } }, 'holds', options)
  }

  async hold(id: string, options?: CallOptions): Promise<HoldView> {
    return this.#read(`/v1/holds/${encodeURIComponent(id)}`, 'id', options)
  }

  /** What who acts did the last times with the operation of a held action. */
  async recent(hold: string, options?: CallOptions): Promise<RecentView> {
    return this.#read(`/v1/holds/${encodeURIComponent(hold)}/recent`, 'hold', options)
  }

  async exceptions(query: ExceptionQuery = {}, options?: CallOptions): Promise<ExceptionList> {
    return this.#ask({ method: 'GET', path: '/v1/exceptions', query: { ...query } }, 'exceptions', options)
  }

  async exception(id: string, options?: CallOptions): Promise<ExceptionView> {
    return this.#read(`/v1/exceptions/${encodeURIComponent(id)}`, 'id', options)
  }

  /** Proposes a standing privilege; a person approves it on its page. The same is not proposed twice. */
  async proposeException(exception: ExceptionBody, options?: CallOptions): Promise<ExceptionView> {
    return this.#post('/v1/exceptions', exception, 'id', options)
  }

  async withdrawException(id: string, reason: string, options?: CallOptions): Promise<ExceptionView> {
    return this.#post(`/v1/exceptions/${encodeURIComponent(id)}/withdraw`, { reason }, 'id', options)
  }

  /** Ends it and everything that lives by it; the evidence says why it is not needed any more. */
  async endException(id: string, evidence: string, options?: CallOptions): Promise<ExceptionView> {
    return this.#post(`/v1/exceptions/${encodeURIComponent(id)}/end`, { evidence }, 'id', options)
  }

  /** Ticks off a step of the way out, counted from 1. */
  async tickException(id: string, step: number, options?: CallOptions): Promise<ExceptionView> {
    return this.#repeat(`/v1/exceptions/${encodeURIComponent(id)}/tick`, { step }, 'id', options)
  }

  /** Everything that stands, exceptions first. */
  async standing(options?: CallOptions): Promise<StandingView> {
    return this.#read('/v1/standing', 'exceptions', options)
  }

  async identities(options?: CallOptions): Promise<IdentityList> {
    return this.#read('/v1/identities', 'identities', options)
  }

  /** What an identity may do now, could do if it asked, and at whose yes. */
  async can(name: string, query: CanQuery = {}, options?: CallOptions): Promise<CanView> {
    return this.#ask({ method: 'GET', path: `/v1/identities/${encodeURIComponent(name)}/can`, query: { ...query } }, 'operations', options)
  }

  /** Who may have an effect on a resource now, and who could. */
  async whoCan(query: WhoCanQuery, options?: CallOptions): Promise<WhoCanView> {
    return this.#ask({ method: 'GET', path: '/v1/who-can', query: { ...query } }, 'who', options)
  }

  /** Ends everything the identity has and refuses everything it asks, until it is released. */
  async quarantine(name: string, reason: string, options?: CallOptions): Promise<QuarantineView> {
    return this.#post(`/v1/identities/${encodeURIComponent(name)}/quarantine`, { reason }, 'identity', options)
  }

  /** Lifts a quarantine; what ended with it stays ended. */
  async release(name: string, reason: string, options?: CallOptions): Promise<IdentityView> {
    return this.#post(`/v1/identities/${encodeURIComponent(name)}/release`, { reason }, 'name', options)
  }

  /** The secret is in the answer this once and never again. */
  async issueSecret(name: string, lifetime: string, options?: CallOptions): Promise<SecretView> {
    return this.#post(`/v1/identities/${encodeURIComponent(name)}/secrets`, { lifetime }, 'secret', options)
  }

  async revokeSecret(credential: string, options?: CallOptions): Promise<CredentialView> {
    return this.#repeat(`/v1/credentials/${encodeURIComponent(credential)}/revoke`, {}, 'id', options)
  }

  /** The link is in the answer this once and never again; of somebody new it is a change-set that another person signs first. */
  async invite(name: string, options?: CallOptions): Promise<InvitationView | InvitationProposedView> {
    return this.#post<InvitationView | InvitationProposedView>('/v1/invitations', { name }, 'person', options)
  }

  /** Revokes what the person signed in with, and everything that stood on it; then as `invite`. */
  async replacePasskeys(name: string, why: { readonly reason: string }, options?: CallOptions): Promise<InvitationView> {
    return this.#post('/v1/invitations', { name, replace: why.reason } satisfies InvitationBody, 'link', options)
  }

  /** What applying would change, in words, and who would have to sign. Changes nothing. */
  async planConfiguration(body: ConfigurationBody, options?: CallOptions): Promise<PlanView> {
    const call = { method: 'POST', path: '/v1/configuration/plan', body, repeatable: true } as const
    return this.#ask(call, 'changes', { timeoutMs: configurationMs, ...options })
  }

  /** Who would gain and who would lose what under these policies, by what was recorded. Changes nothing. */
  async replayPolicies(body: ReplayBody, options: Replaying = {}): Promise<ReplayView> {
    return replayPolicies(this.#line, body, { ...options, token: await this.#control.current(options.signal) })
  }

  /** Applies what needs nobody else; the rest waits: `changeSet` says on which page it is signed. */
  async proposeChange(body: ProposalBody, options?: CallOptions): Promise<ProposedView> {
    return this.#post('/v1/change-sets', body, 'plan', { timeoutMs: configurationMs, ...options })
  }

  async changeSets(query: ChangeSetQuery = {}, options?: CallOptions): Promise<ChangeSetList> {
    return this.#ask({ method: 'GET', path: '/v1/change-sets', query: { ...query } }, 'changeSets', options)
  }

  /** With `wait` the answer comes when it no longer waits, or after so many seconds. */
  async changeSet(id: string, wait: { readonly wait?: number } = {}, options?: CallOptions): Promise<ChangeSetView> {
    const call = { method: 'GET', path: `/v1/change-sets/${encodeURIComponent(id)}`, query: { ...wait } } as const
    return this.#ask(call, 'id', waitOptions(wait.wait, options))
  }

  async withdrawChangeSet(id: string, reason?: string, options?: CallOptions): Promise<ChangeSetView> {
    return this.#post(`/v1/change-sets/${encodeURIComponent(id)}/withdraw`, reason === undefined ? {} : { reason }, 'id', options)
  }

  /** What is there, as a document. No secret is in it. */
  async configuration(options?: CallOptions): Promise<ExportView> {
    return this.#read('/v1/configuration', 'document', options)
  }

  async services(options?: CallOptions): Promise<ServiceList> {
    return this.#read('/v1/services', 'services', options)
  }

  /** Applications with policies of their own: those that the caller may ask, all of them for whoever audits. */
  async applications(options?: CallOptions): Promise<ApplicationList> {
    return this.#read('/v1/applications', 'applications', options)
  }

  /** Has every connected gateway cut a canary: how long stopping takes, without stopping anything. */
  async drill(options?: CallOptions): Promise<DrillView> {
    return this.#post('/v1/drill', {}, 'figures', options)
  }

  /** Gateways that run elsewhere, and how they stand. */
  async gateways(options?: CallOptions): Promise<GatewayList> {
    return this.#read('/v1/gateways', 'gateways', options)
  }

  /** The code is in the answer this once and never again. */
  async inviteGateway(gateway: GatewayInvitationBody, options?: CallOptions): Promise<GatewayInvitationView> {
    return this.#post('/v1/gateways', gateway, 'code', options)
  }

  /** Ends its connection at once, and refuses its key for good. */
  async removeGateway(name: string, reason: string, options?: CallOptions): Promise<GatewayRemovedView> {
    return this.#post(`/v1/gateways/${encodeURIComponent(name)}/remove`, { reason }, 'gateway', options)
  }

  /** Why one action was allowed, held or refused. */
  async explain(decision: string, options?: CallOptions): Promise<ExplanationView> {
    return this.#read(`/v1/decisions/${encodeURIComponent(decision)}`, 'decision', options)
  }

  /** The newest signed head of the ledger. Needs no credential. */
  async checkpoint(options: CallOptions = {}): Promise<CheckpointView> {
    return this.#parse<CheckpointView>(
      await callApi(this.#line, { method: 'GET', path: '/v1/ledger/checkpoint', ...options }),
      'checkpoint',
    )
  }

  /** The lines of the whole ledger and its journals, as `verifyExport` reads them. */
  async *exportLedger(options: CallOptions = {}): AsyncGenerator<string> {
    const token = await this.#control.current(options.signal)
    yield* streamLines(this.#line, { method: 'GET', path: '/v1/ledger/export', token, ...options })
  }

  /** One entry with all that proves it, as a file's text. */
  async ledgerProof(index: number, options?: CallOptions): Promise<EntryProofView> {
    return this.#read(`/v1/ledger/entries/${index}/proof`, 'proof', options)
  }

  /** Forgets what an entry says; that it was there stays proved. */
  async eraseLedgerBody(index: number, why: { readonly reason: string }, options?: CallOptions): Promise<ErasedView> {
    return this.#post(`/v1/ledger/entries/${index}/erase`, why, 'kind', options)
  }

  async ledgerEntries(page: { readonly from?: number; readonly max?: number } = {}, options?: CallOptions): Promise<LedgerEntryList> {
    return this.#ask({ method: 'GET', path: '/v1/ledger/entries', query: { ...page } }, 'entries', options)
  }

  /** Needs no credential. */
  async health(options: CallOptions = {}): Promise<HealthView> {
    return this.#parse<HealthView>(await callApi(this.#line, { method: 'GET', path: '/v1/health', ...options }), 'status')
  }

  /** For the gateways that may use this one grant, and never longer than it; without one, each action takes what covers it and ends first. */
  async sessionToken(grant: string | undefined, options: CallOptions & { readonly gateway?: string } = {}): Promise<TokenAnswer> {
    this.#space ??= (await this.whoami(options)).space
    const audience = `urn:remit:${this.#space}:gateway:${options.gateway ?? 'http'}`
    return exchangeCredential(this.#line, { ...this.#identity(), audience, grant })
  }

  /** Waits until the grant was answered, whatever the answer. */
  async waitForGrant(id: string, waiting: Waiting<GrantView> = {}): Promise<GrantView> {
    return waitForGrant(this, id, waiting)
  }

  /** Waits until the hold was answered, whatever the answer. */
  async waitForHold(id: string, waiting: Waiting<HoldView> = {}): Promise<HoldView> {
    return waitForHold(this, id, waiting)
  }

  /** Waits until the change-set was answered, whatever the answer. */
  async waitForChangeSet(id: string, waiting: Waiting<ChangeSetView> = {}): Promise<ChangeSetView> {
    return waitForChangeSet(this, id, waiting)
  }

  /** Gets a grant, does the work under it, and ends it however the work ends. */
  async withGrant<T>(task: TaskRequest, work: (given: Work) => Promise<T>): Promise<T> {
    return withGrant(this, { task, work, fetch: this.#line.fetch })
  }

  #identity(): { readonly credential: Credential; readonly actsFor?: Proof } {
    const { credential, actsFor } = this.#options
    return { credential, ...(actsFor === undefined ? {} : { actsFor }) }
  }

  async #controlToken(): Promise<TokenAnswer> {
    const { credential, actsFor } = this.#options
    if ('token' in credential && actsFor === undefined) return givenToken(await proofText(credential.token))
    return exchangeCredential(this.#line, this.#identity())
  }

  async #end(id: string, how: 'done' | 'abandon', closing: ClosingBody, options: CallOptions | undefined): Promise<EndedGrantView> {
    return this.#repeat(`/v1/grants/${encodeURIComponent(id)}/${how}`, closing, 'id', options)
  }

  async #read<T>(path: string, member: keyof T & string, options: CallOptions | undefined): Promise<T> {
    return this.#ask({ method: 'GET', path }, member, options)
  }

  async #post<T>(path: string, body: object, member: keyof T & string, options: CallOptions | undefined): Promise<T> {
    return this.#ask({ method: 'POST', path, body }, member, options)
  }

  async #repeat<T>(path: string, body: object, member: keyof T & string, options: CallOptions | undefined): Promise<T> {
    return this.#ask({ method: 'POST', path, body, repeatable: true }, member, options)
  }

  /** As the caller. A token that was refused is exchanged anew, once: a 401 means that nothing was done. */
  async #ask<T>(call: Call, member: keyof T & string, options: CallOptions = {}): Promise<T> {
    const token = await this.#control.current(options.signal)
    try {
      return this.#parse(await callApi(this.#line, { ...call, ...options, token }), member)
    } catch (thrown) {
      if (!(thrown instanceof RemitRefusal) || thrown.code !== 'credential.invalid' || 'token' in this.#options.credential) throw thrown
      this.#control.forget()
      const another = await this.#control.current(options.signal)
      return this.#parse(await callApi(this.#line, { ...call, ...options, token: another }), member)
    }
  }

  #parse<T>(value: unknown, member: keyof T & string): T {
    const answer = parseAnswer<T>(value, member)
    if (answer === undefined) throw new RemitUnreachable(this.#line.url, 'what answers there is not Remit, or not this version of it')
    return answer
  }
}
