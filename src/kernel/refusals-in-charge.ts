/** Refusals that somebody meets who answers, configures, audits or runs Remit. */
import type { RefusalRow } from './refusal-row.ts'

export const refusalsInCharge = {
  // A person's yes or no.
  'approval.not-approver': { status: 403, tells: 'caller', says: 'you may not answer this request', remedy: 'detail says who may' },
  'approval.own-request': {
    status: 403,
    tells: 'caller',
    says: 'nobody approves what they asked for, own or act in',
    remedy: 'another person must answer',
  },
  'approval.let-in-lately': {
    status: 403,
    tells: 'caller',
    says: 'whoever was let in by a party of this within a week does not answer it',
    remedy: 'somebody else must answer, or wait until the time that detail names',
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
  'invitation.unsigned': {
    status: 403,
    tells: 'caller',
    says: 'nobody here is called that yet, and nobody lets a new person in alone',
    remedy: 'remit invite proposes them; once another person signed that, the same command makes the link',
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
  'client.invalid': {
    status: 403,
    tells: 'caller',
    says: 'this client cannot be let in',
    remedy: 'whoever makes it has to mend its metadata document, or the request that it sent you here with',
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
    remedy: 'detail names the place; verify an export, and restore a backup from before the change with remit restore',
  },
  'ledger.tail-lost': {
    status: 503,
    tells: 'caller',
    says: 'the store has lost entries of the ledger that were signed before, or is another store',
    remedy:
      'start it on the right data folder; where that is gone, remit new-epoch begins anew on this one, remit restore on a backup, and nothing of before is permitted',
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

  // Gateways elsewhere.
  'gateway.unknown': {
    status: 403,
    tells: 'caller',
    says: 'no gateway is enrolled under this key',
    remedy: 'invite it with remit gateways invite, and start it with the code that this prints',
  },
  'enrolment.refused': {
    status: 403,
    tells: 'caller',
    says: 'this code enrols nobody',
    remedy:
      'a code is good once, for 15 minutes: have another one made with remit gateways invite; if this one was new and you did not use it, tell whoever made it, since somebody else did',
  },
  'feed.closed': {
    status: 409,
    tells: 'caller',
    says: 'gateways on other machines are not served here',
    remedy: 'start Remit with remit up --gateways PORT; a gateway that hears this tries again by itself',
  },
  'feed.unreadable': {
    status: 400,
    tells: 'caller',
    says: 'this is no message that is understood here',
    remedy: 'run versions of Remit on both sides that follow one another; detail names the place',
  },
  'feed.out-of-order': {
    status: 409,
    tells: 'caller',
    says: 'this message does not follow on what came before it',
    remedy: 'connect again; if it happens again, an operator must look at what runs there under this key',
  },
  'feed.no-common-version': {
    status: 409,
    tells: 'caller',
    says: 'the two sides speak no version of the feed in common',
    remedy: 'bring the older side to the version before the other one at least',
  },
  'feed.replaced': {
    status: 409,
    tells: 'caller',
    says: 'a later connection of the same gateway took the place of this one',
    remedy: 'run each gateway once: two processes need two enrolments',
  },
  'feed.too-slow': {
    status: 503,
    tells: 'caller',
    says: 'this gateway does not keep up with what it is sent',
    remedy: 'it connects again by itself; if it goes on, give its machine or its network more room',
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
    says: 'what was given is not enough to speak TLS',
    remedy: 'mend what detail names; docs/guides/tls.md has what is taken',
  },
  'store.locked': {
    status: 503,
    tells: 'caller',
    says: 'another process has this data folder or database open',
    remedy: 'stop that process first, or use another',
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
