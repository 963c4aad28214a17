/** Refusals that somebody meets who asks and acts: who calls, what was sent, grants, exceptions, actions. */
import type { RefusalRow } from './refusal-row.ts'

export const refusalsAtWork = {
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
  'request.untrusted': {
    status: 403,
    tells: 'caller',
    says: 'after results that anybody may have written, a person must approve what is asked for, and nobody may',
    remedy: 'ask again a day after the token that they were read with has ended; or have an administrator name somebody who may approve',
  },
  'request.too-many': {
    status: 429,
    tells: 'caller',
    says: 'this identity has as many open requests as it may',
    remedy: 'withdraw or finish some first',
  },
  'access.denial': {
    status: 400,
    tells: 'caller',
    says: 'this request is bound to no denial that could be asked about',
    remedy: 'ask POST /access/v1/evaluation again, and send its context.access_request back as denial, unchanged',
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
  'grant.sum-spent': {
    status: 403,
    tells: 'caller',
    says: 'the grant has no room left for an amount like this',
    remedy: 'do less at once if that is enough; else ask for a new grant; detail says what is taken',
  },
  'grant.tools-full': {
    status: 403,
    tells: 'caller',
    says: 'under this grant so many tools were called that no more can be kept with it',
    remedy: 'ask for another grant, for just the tools that the task needs',
  },
  'grant.tool-changes': {
    status: 403,
    tells: 'caller',
    says: 'its server has changed this tool so often under this grant that nobody is asked about it any more',
    remedy: 'end this grant and ask for another: that is given for the tool as it is then',
  },
  'grant.order': {
    status: 403,
    tells: 'caller',
    says: 'the grant allows this action only after another one was answered',
    remedy: 'do what detail names first, under the same grant, and have an answer without an error; then try again',
  },
  'grant.rate': {
    status: 429,
    tells: 'caller',
    says: 'the grant allows only so many actions in this time',
    remedy: 'wait as Retry-After says, then go on; nothing was done',
  },
  'grant.not-understood': {
    status: 403,
    tells: 'caller',
    says: 'the grant has a part that this gateway does not know, and what it does not know could be a limit',
    remedy:
      'tell an operator, who upgrades this gateway to the version of its control; or ask for a grant without the part that detail names',
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
  'action.definition-unknown': {
    status: 503,
    tells: 'caller',
    says: 'what this tool is could not be heard from its server, and nobody granted a tool that cannot be looked at',
    remedy:
      'try again in a moment; if it goes on, an operator must look at the server: it has to answer tools/list, and detail says what it did',
  },
  'action.not-offered': {
    status: 404,
    tells: 'caller',
    says: 'its server does not list this tool any more',
    remedy: 'list the tools again, and use one that is there; an administrator may take the tool out of remit.yaml',
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
  'action.no-policies': {
    status: 403,
    tells: 'caller',
    says: 'no policies are in force here, so the answer to every action is no',
    remedy: 'an administrator must publish policies, or mend those that can no longer be read',
  },
  'action.policy-error': {
    status: 403,
    tells: 'caller',
    says: 'a guardrail could not be evaluated, so the answer is no',
    remedy: 'an administrator must mend the policy in detail',
  },
  'action.duty-error': {
    status: 403,
    tells: 'caller',
    says: 'a duty could not be evaluated, so the answer is no',
    remedy: 'an administrator must mend the policy in detail',
  },
  'action.duty-unmet': {
    status: 403,
    tells: 'caller',
    says: 'a duty demands what cannot be done here, so the answer is no',
    remedy: 'an administrator must change the policy in detail, or let this service be reached through a gateway that can do it',
  },
  'action.cut': {
    status: 403,
    tells: 'caller',
    says: 'the answer went beyond what a duty lets pass, and was cut',
    remedy: 'the action may have been done: look before you repeat it, and ask for less at a time; detail names the limit',
  },
  'action.needs-gateway': {
    status: 403,
    tells: 'caller',
    says: 'this action needs a gateway of Remit, and a proxy of another kind stands before this service',
    remedy:
      'an administrator puts the service behind a gateway of Remit (without enforcedBy: proxy), or the operation on one; detail says why',
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
  'hold.state': {
    status: 409,
    tells: 'caller',
    says: 'this requestState is of no held call that may go on here',
    remedy: 'send the call again without requestState and inputResponses; if it is held still, that attaches to the same hold',
  },
  'session.ended': { status: 403, tells: 'caller', says: 'this session has ended', remedy: 'exchange your credential for a new token' },
  'proxy.unknown': {
    status: 403,
    tells: 'caller',
    says: 'this port answers proxies that were named, and this address is not among them',
    remedy: 'an operator names the address of the proxy: remit up --authz-proxies',
  },
  'upstream.unreachable': {
    status: 502,
    tells: 'caller',
    says: 'the service behind the gateway did not answer',
    remedy: 'try again later',
  },
  'upstream.resting': {
    status: 503,
    tells: 'caller',
    says: 'the service behind the gateway could not be reached lately, so nothing was sent; it is tried again shortly',
    remedy: 'try again in half a minute; counted uses, and an approval of this action, stay spent',
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
  'control.unreachable': {
    status: 503,
    tells: 'caller',
    says: 'this gateway cannot be certain what control has ended, so the answer is no',
    remedy:
      'try again in a few seconds; if it goes on, tell an operator: detail says since when control was not heard, and remit gateways whether this gateway is connected',
  },
  'gateway.catching-up': {
    status: 503,
    tells: 'caller',
    says: 'this gateway has not yet been told of everything that changed meanwhile, and lets nothing through before',
    remedy: 'try again in a few seconds; if it goes on, tell an operator: remit gateways shows how far behind this gateway is',
  },
} as const satisfies Record<string, RefusalRow>
