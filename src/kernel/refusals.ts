/** Every refusal Remit gives, in one table: the reference page, the HTTP status and the words all come from here. */
import type { Refused } from './result.ts'
import type { PlacedProblem } from './source-problems.ts'

export interface RefusalRow {
  /** HTTP status with which it is told. */
  readonly status: 400 | 401 | 403 | 404 | 409 | 410 | 413 | 415 | 421 | 422 | 429 | 500 | 502 | 503 | 504
  /** Who hears the reason: the caller, or only the operator (the caller then hears `not-found` or `credential.invalid`). */
  readonly tells: 'caller' | 'operator'
  /** What is so, in lowercase. */
  readonly says: string
  /** What to do next. */
  readonly remedy: string
}

const rows = {
  // Who is calling.
  'credential.missing': {
    status: 401,
    tells: 'caller',
    says: 'no credential was presented',
    remedy: 'send a Remit token as Authorization: Bearer; get one with remit token or POST /oauth/token',
  },
  'credential.invalid': {
    status: 401,
    tells: 'caller',
    says: 'this credential is not accepted here',
    remedy: 'get a fresh token; it must be issued by this Remit, for this audience, and not have ended',
  },
  'credential.elsewhere': {
    status: 401,
    tells: 'caller',
    says: 'this token is in use from another address',
    remedy: 'ask for a token of your own on this machine; if you did not use it elsewhere, tell your security team',
  },
  'identity.quarantined': {
    status: 403,
    tells: 'caller',
    says: 'this identity is quarantined',
    remedy: 'its owner or a desk operator must lift the quarantine',
  },
  'identity.disabled': {
    status: 403,
    tells: 'caller',
    says: 'this identity, or someone it acts for, is disabled',
    remedy: 'ask an administrator to enable it',
  },
  'identity.owner-gone': {
    status: 403,
    tells: 'caller',
    says: 'the human who owned this identity has left',
    remedy: 'give it a live human owner in remit.yaml and apply',
  },
  'caller.not-allowed': {
    status: 403,
    tells: 'caller',
    says: 'this caller may not do this at the desk',
    remedy: 'ask someone whose role allows it; remit whoami shows yours',
  },
  'not-found': {
    status: 404,
    tells: 'caller',
    says: 'there is nothing here by that name that you may see',
    remedy: 'check the id; remit grants and remit holds list yours',
  },

  // What was sent.
  'input.malformed': { status: 400, tells: 'caller', says: 'the request cannot be read', remedy: 'see detail for the place' },
  'input.invalid': {
    status: 422,
    tells: 'caller',
    says: 'the request can be read but not accepted',
    remedy: 'see detail for the field and what it takes',
  },
  'input.too-large': { status: 413, tells: 'caller', says: 'the request is larger than is taken here', remedy: 'send less' },
  'input.media-type': { status: 415, tells: 'caller', says: 'this content type is not taken here', remedy: 'send application/json' },
  'id.malformed': { status: 404, tells: 'caller', says: 'there is nothing here by that name that you may see', remedy: 'check the id' },
  'duration.malformed': { status: 422, tells: 'caller', says: 'this is not a length of time', remedy: 'write it like 90s, 30m, 2h or 1d' },
  'json.malformed': { status: 400, tells: 'caller', says: 'this is not valid JSON', remedy: 'send UTF-8 JSON without duplicate keys' },
  'rate.exceeded': { status: 429, tells: 'caller', says: 'too many requests', remedy: 'wait as Retry-After says' },
  'host.unknown': {
    status: 421,
    tells: 'caller',
    says: 'this name is not served here',
    remedy: 'use the address that remit up printed; an operator adds a name with remit up --name HOST',
  },
  'method.unknown': { status: 404, tells: 'caller', says: 'there is no such endpoint', remedy: 'see docs/reference/endpoints.md' },

  // Asking for a grant.
  'request.not-eligible': {
    status: 403,
    tells: 'caller',
    says: 'no policy lets this identity ask for this',
    remedy: 'remit eligible shows what may be asked',
  },
  'request.forbidden': {
    status: 403,
    tells: 'caller',
    says: 'a guardrail forbids part of what was asked',
    remedy: 'ask for less; detail names the policy',
  },
  'request.too-long': {
    status: 422,
    tells: 'caller',
    says: 'the grant would be longer than policy or tier allows',
    remedy: 'ask for at most the time in detail',
  },
  'request.too-many': {
    status: 429,
    tells: 'caller',
    says: 'this identity has as many open requests as it may',
    remedy: 'withdraw or finish some first',
  },
  'scope.unknown': {
    status: 422,
    tells: 'caller',
    says: 'the scope names something that does not exist here',
    remedy: 'remit eligible lists services and operations',
  },
  'scope.empty': {
    status: 422,
    tells: 'caller',
    says: 'the scope allows nothing',
    remedy: 'name at least one operation or effect on one resource',
  },

  // The life of a grant.
  'grant.missing': { status: 403, tells: 'caller', says: 'no live grant covers this action', remedy: 'ask for one: see ask' },
  'grant.not-covered': {
    status: 403,
    tells: 'caller',
    says: 'the grant of this session does not cover this action',
    remedy: 'ask for a grant that does: see ask',
  },
  'grant.arguments': {
    status: 403,
    tells: 'caller',
    says: 'the grant covers this action, but not with these arguments',
    remedy: 'use arguments within the grant, or ask for a wider one',
  },
  'grant.ended': { status: 403, tells: 'caller', says: 'the grant has ended', remedy: 'ask for a new one if the task goes on' },
  'grant.uses-spent': {
    status: 403,
    tells: 'caller',
    says: 'the grant has no uses left for this action',
    remedy: 'ask for a new grant if the task needs it again',
  },
  'grant.wrong-state': {
    status: 409,
    tells: 'caller',
    says: 'the grant is not in a state in which this can be done',
    remedy: 'remit grants shows its state',
  },
  'grant.unclaimed': { status: 410, tells: 'caller', says: 'the approved grant was not claimed in time', remedy: 'ask again' },
  'grant.extension-refused': {
    status: 403,
    tells: 'caller',
    says: 'the grant may not be extended that far',
    remedy: 'ask for a shorter extension or a new grant',
  },

  // Exceptions.
  'exception.tier': {
    status: 422,
    tells: 'caller',
    says: 'no exception permits a change of tier 3',
    remedy: 'ask for a grant each time: remit request; detail names the operation',
  },
  'exception.too-long': {
    status: 422,
    tells: 'caller',
    says: 'an exception does not last that long',
    remedy: 'propose an earlier end; it is renewed only by a new approval',
  },
  'exception.owner': {
    status: 422,
    tells: 'caller',
    says: 'an exception needs a live person who answers for it',
    remedy: 'name a person who is not disabled or quarantined',
  },
  'exception.wrong-state': {
    status: 409,
    tells: 'caller',
    says: 'the exception is not in a state in which this can be done',
    remedy: 'remit exception show tells its state',
  },
  'recovery.not-needed': {
    status: 409,
    tells: 'operator',
    says: 'there are people who can do this',
    remedy: 'detail says who and how; people who have lost their passkeys are disabled in remit.yaml first',
  },
  'exception.outgrown': {
    status: 403,
    tells: 'caller',
    says: 'this is more than the exception was approved for',
    remedy: 'ask for a grant, or propose the exception anew; detail says what has changed',
  },

  // One action.
  'action.unknown': {
    status: 403,
    tells: 'caller',
    says: 'no declared operation matches this request',
    remedy: 'an administrator may add a route for it to remit.yaml',
  },
  'action.forbidden': {
    status: 403,
    tells: 'caller',
    says: 'a guardrail forbids this action',
    remedy: 'detail names the policy; no grant can allow it',
  },
  'action.held': {
    status: 403,
    tells: 'caller',
    says: 'held: a person must approve this action',
    remedy: 'wait as Retry-After says, then send exactly the same request again',
  },
  'action.denied-by-person': {
    status: 403,
    tells: 'caller',
    says: 'a person denied this action',
    remedy: 'do not repeat it; talk to whoever denied it',
  },
  'action.ambiguous': {
    status: 400,
    tells: 'caller',
    says: 'this request can be read in two ways',
    remedy: 'send it in canonical form; detail names the part',
  },
  'action.arguments': {
    status: 400,
    tells: 'caller',
    says: 'the arguments of this operation cannot be read',
    remedy: 'detail names the argument',
  },
  'action.policy-error': {
    status: 403,
    tells: 'caller',
    says: 'a guardrail could not be evaluated, so the answer is no',
    remedy: 'an administrator must mend the policy in detail',
  },
  'action.not-recorded': {
    status: 503,
    tells: 'caller',
    says: 'the action could not be recorded, so it was not forwarded',
    remedy: 'try again later; an operator must look at the journal',
  },
  'action.changed': { status: 409, tells: 'caller', says: 'something changed while this action waited', remedy: 'send it again' },
  'hold.too-large': { status: 413, tells: 'caller', says: 'the body is too large to be held for approval', remedy: 'send at most 1 MiB' },
  'hold.too-many': {
    status: 429,
    tells: 'caller',
    says: 'this session has as many held actions as it may',
    remedy: 'wait for an answer to those',
  },
  'session.ended': { status: 403, tells: 'caller', says: 'this session has ended', remedy: 'exchange your credential for a new token' },
  'upstream.unreachable': {
    status: 502,
    tells: 'caller',
    says: 'the service behind the gateway did not answer',
    remedy: 'try again later',
  },
  'upstream.timeout': { status: 504, tells: 'caller', says: 'the service behind the gateway took too long', remedy: 'try again later' },
  'upstream.malformed': {
    status: 502,
    tells: 'caller',
    says: 'the service behind the gateway answered something that is not HTTP',
    remedy: 'an operator must look at the service',
  },
  'upstream.credential': {
    status: 502,
    tells: 'caller',
    says: 'the credential for the service behind the gateway cannot be opened',
    remedy: 'an administrator must set it again for this upstream',
  },
  'upstream.secret-unavailable': {
    status: 503,
    tells: 'caller',
    says: 'the credential for the service behind the gateway cannot be looked up now, so nothing was forwarded',
    remedy: 'try again later; an operator finds the cause in the log',
  },
  'control.unavailable': {
    status: 503,
    tells: 'caller',
    says: 'control cannot be reached, so the answer is no',
    remedy: 'try again later',
  },

  // A person's yes or no.
  'approval.not-approver': { status: 403, tells: 'caller', says: 'you may not answer this request', remedy: 'detail says who may' },
  'approval.own-request': {
    status: 403,
    tells: 'caller',
    says: 'nobody approves what they asked for, own or act in',
    remedy: 'another person must answer',
  },
  'approval.repeated': { status: 409, tells: 'caller', says: 'you have answered this already', remedy: 'another person must answer' },
  'approval.closed': {
    status: 409,
    tells: 'caller',
    says: 'this is no longer waiting for an answer',
    remedy: 'the page shows what became of it',
  },
  'approval.signature': {
    status: 403,
    tells: 'caller',
    says: 'the signature does not fit what is being approved',
    remedy: 'open the page again and sign once more',
  },
  'approval.widens': { status: 422, tells: 'caller', says: 'an approval may narrow, never widen', remedy: 'choose less than was asked' },
  'link.invalid': {
    status: 404,
    tells: 'caller',
    says: 'this link is unknown, used or has ended',
    remedy: 'ask for a new one: remit invite',
  },
  'passkey.refused': {
    status: 403,
    tells: 'caller',
    says: 'this passkey is not accepted',
    remedy: 'use the one that was registered here, with user verification',
  },
  'passkey.exists': {
    status: 409,
    tells: 'caller',
    says: 'this person has a passkey already, and nobody else gives them another',
    remedy: 'if it is lost: remit invite NAME --replace --reason TEXT revokes it first',
  },

  // Configuration and policy.
  'configuration.invalid': {
    status: 422,
    tells: 'caller',
    says: 'the configuration cannot be accepted',
    remedy: 'detail names file, line and what is taken there',
  },
  'policy.invalid': {
    status: 422,
    tells: 'caller',
    says: 'the policies cannot be accepted',
    remedy: 'remit check points at file and line',
  },
  'change-set.stale': {
    status: 409,
    tells: 'caller',
    says: 'something else came into force since this was proposed',
    remedy: 'propose it again: remit apply compares with what is there now',
  },
  'change-set.wrong-state': {
    status: 409,
    tells: 'caller',
    says: 'this change-set does not wait any more',
    remedy: 'remit changes shows what became of it',
  },
  'change-set.too-many': {
    status: 429,
    tells: 'caller',
    says: 'as many change-sets wait as may',
    remedy: 'withdraw one, or let it be answered: remit changes lists them',
  },
  'name.used': {
    status: 409,
    tells: 'caller',
    says: 'this name was used before and names are never used again',
    remedy: 'choose another name',
  },

  // The record.
  'ledger.malformed': {
    status: 422,
    tells: 'caller',
    says: 'this is not a record as Remit writes it',
    remedy: 'detail names the part; compare with an export made anew',
  },
  'ledger.unverified': {
    status: 422,
    tells: 'caller',
    says: 'no signature of a known key fits this record',
    remedy: 'check the key you verify with; if it is right, the record was changed',
  },
  'ledger.damaged': {
    status: 503,
    tells: 'caller',
    says: 'what is stored of the ledger is not what was signed',
    remedy: 'detail names the place; verify an export, and restore a backup from before the change',
  },
  'ledger.tail-lost': {
    status: 503,
    tells: 'caller',
    says: 'the store has lost entries of the ledger that were signed before, or is another store',
    remedy: 'start it on the right data folder, or restore a backup with remit restore, which begins a new epoch',
  },
  'ledger.unanchored': {
    status: 503,
    tells: 'caller',
    says: 'the place outside that keeps heads of the ledger cannot be read, so nobody knows whether the store lost its tail',
    remedy: 'make the place reachable; or start without --anchor once, knowing that nothing is held against it then',
  },
  'ledger.disputed': {
    status: 503,
    tells: 'caller',
    says: 'a witness holds another head of the ledger, so nothing is signed and no action is let through',
    remedy: 'find out with remit ledger verify and the witness which of the two is right; docs/reference/ledger.md says how it is resolved',
  },
  'ledger.kept': {
    status: 409,
    tells: 'caller',
    says: 'the body of this entry is kept for good',
    remedy: 'detail says why; docs/reference/ledger.md lists the kinds that may be erased',
  },

  // The house itself.
  'master-key.unavailable': {
    status: 503,
    tells: 'caller',
    says: 'the master key cannot be had',
    remedy: 'mend what detail names; docs/reference/secrets.md has every way to give it',
  },
  'master-key.wrong': {
    status: 503,
    tells: 'caller',
    says: 'this is not the master key that this store was sealed under',
    remedy:
      'start with the one that is, by --master-key or as keys/master.key in the data folder; docs/reference/secrets.md says what can be done without it',
  },
  'tls.unusable': {
    status: 503,
    tells: 'caller',
    says: 'TLS cannot be spoken with what was given',
    remedy: 'mend what detail names; docs/guides/tls.md has what is taken',
  },
  'store.locked': {
    status: 503,
    tells: 'caller',
    says: 'another process has this data folder open',
    remedy: 'stop that process first, or use another folder',
  },
  'store.newer': {
    status: 503,
    tells: 'caller',
    says: 'this data was written by a newer Remit',
    remedy: 'start that version, or a later one; going back needs a restored backup',
  },
  'store.older': {
    status: 503,
    tells: 'caller',
    says: 'this data was written by an older Remit, and nothing was changed',
    remedy: 'start remit up once on it, which brings it to the present, and try again',
  },
  'store.unavailable': {
    status: 503,
    tells: 'caller',
    says: 'the store cannot be written, so nothing was changed',
    remedy: 'an operator must look at disk and database',
  },
  'store.not-empty': {
    status: 409,
    tells: 'caller',
    says: 'there is something in this store, and a snapshot goes into an empty one only',
    remedy: 'give it a new folder, or a new database',
  },
  'snapshot.broken': {
    status: 422,
    tells: 'caller',
    says: 'this snapshot is not as it was written',
    remedy: 'detail names the line; take another copy, or an older snapshot',
  },
  internal: {
    status: 500,
    tells: 'caller',
    says: 'something went wrong here, so the answer is no',
    remedy: 'an operator finds the cause in the log by the id in detail',
  },
} as const satisfies Record<string, RefusalRow>

export type RefusalCode = keyof typeof rows

/** The table, for whoever writes pages or answers from it. */
export const refusals: Readonly<Record<RefusalCode, RefusalRow>> = rows

export function isRefusalCode(text: string): text is RefusalCode {
  return Object.hasOwn(rows, text)
}

/** What could be asked instead: enough to call `remit request` with. */
export interface AskHint {
  readonly task: string
  readonly actions: readonly string[]
  readonly resource: string
  readonly command: string
}

/** Why not, as a value. Never holds a secret. */
export interface Refusal {
  readonly code: RefusalCode
  /** The one thing that is particular to this case: a field, a policy, a limit. */
  readonly detail?: string
  readonly ask?: readonly AskHint[]
  /** The policies that said no, or that hold, by their `@id`. */
  readonly policies?: readonly string[]
  /** Every fault of a document that cannot be taken. */
  readonly problems?: readonly PlacedProblem[]
}

export function refuse(code: RefusalCode, more: Omit<Refusal, 'code'> = {}): Refused {
  return { ok: false, refusal: { code, ...more } }
}

/** The sentence a person reads. */
export function describeRefusal(refusal: Refusal): string {
  const { says } = refusals[refusal.code]
  return refusal.detail === undefined ? says : `${says}: ${refusal.detail}`
}
