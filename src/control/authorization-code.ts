/** A person lets an OAuth client act as an agent of theirs, for them, at one endpoint: signed with a passkey, handed over as a code (RFC 6749 § 4.1). */
import { createHash } from 'node:crypto'
import type { Milliseconds } from '../kernel/instants.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Result } from '../kernel/result.ts'
import { Secret } from '../kernel/secret.ts'
import { chainStands } from '../decision/facts.ts'
import type { Identity } from '../model/identities.ts'
import { challengeOf, type Prepared } from './answer.ts'
import type { AuthorizationRequest, Back } from './authorization-code-request.ts'
import { parseAllowing, writeAllowed, writeAllowing } from './authorization-code-text.ts'
import { type Desk, note } from './desk.ts'
import { keepCounter, passkeysOf, type SignedChallenge, verifyPasskey } from './passkey-use.ts'

const signMax: Milliseconds = 300_000
/** How long a code waits to be redeemed. */
export const codeMax: Milliseconds = 60_000

/** The agents that a person can let a client act as: those they answer for, that are live. In order of name. */
export function agentsOf({ facts }: Pick<Desk, 'facts'>, person: Identity): readonly Identity[] {
  return [...facts.identities()]
    .filter((identity) => isAgentOf(identity, person) && chainStands(facts, [identity.id, person.id]).ok)
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}

function isAgentOf(identity: Identity, person: Identity): boolean {
  return identity.kind === 'ai-agent' && identity.owner === person.id
}

/** The agent of that name, if it is this person's. Somebody else's answers as one that is not there. */
export function agentNamed({ facts }: Pick<Desk, 'facts'>, person: Identity, name: string): Result<Identity> {
  const agent = facts.identityNamed(name)
  if (agent === undefined || !isAgentOf(agent, person)) return refuse('not-found')
  const chain = chainStands(facts, [agent.id, person.id])
  return chain.ok ? done(agent) : chain
}

/** What the person signs: this client, answered there, acts as this agent at this endpoint. */
export async function prepareAuthorization(
  desk: Desk,
  person: Identity,
  request: AuthorizationRequest,
  agentName: string,
): Promise<Result<Prepared>> {
  return desk.store.change(async (tx) => {
    const agent = agentNamed(desk, person, agentName)
    if (!agent.ok) return agent
    const passkeys = await passkeysOf(tx, person.id)
    if (passkeys.length === 0) return refuse('passkey.refused', { detail: 'you have no passkey here' })
    const nonce = Buffer.from(desk.chance.bytes(24)).toString('base64url')
    const about = writeAllowing({ ...request, agent: agent.value.id }, { space: desk.space, person: person.id, nonce })
    const challenge = challengeOf(about)
    await tx.put('challenge', {
      id: challenge,
      space: desk.space,
      purpose: 'authorize',
      person: person.id,
      about,
      expiresAt: tx.now + signMax,
    })
    return done({ challenge, credentialIds: passkeys.map((passkey) => passkey.credentialId) })
  })
}

/** A code for the client, and where it goes. */
export interface Allowance {
  readonly code: Secret
  readonly back: Back
}

/** Takes the signature and makes the code: for 60 seconds, once, for whoever holds the verifier of the request that was signed. */
export async function allowClient(desk: Desk, person: Identity, given: SignedChallenge): Promise<Result<Allowance>> {
  const used = await verifyPasskey(desk, given, person)
  if (!used.ok) return used
  return desk.store.change(async (tx) => {
    const challenge = await tx.get('challenge', given.challenge)
    const isAsked = challenge?.purpose === 'authorize' && challenge.person === person.id && tx.now < challenge.expiresAt
    const allowing = isAsked ? parseAllowing(challenge.about) : undefined
    if (allowing === undefined) return refuse('approval.signature')
    await tx.remove('challenge', given.challenge)
    const agent = desk.facts.identity(allowing.agent)
    // Meanwhile it may have been given to another owner, or ended.
    const stands = agent === undefined ? refuse('not-found') : agentNamed(desk, person, agent.name)
    if (!stands.ok) return stands
    const { id: passkey } = used.value.passkey
    const id = desk.chance.id('crd', tx.now)
    const code = `${id}.${Buffer.from(desk.chance.bytes(32)).toString('base64url')}`
    await tx.put('challenge', {
      id: codeKey(code),
      space: desk.space,
      purpose: 'authorization-code',
      person: person.id,
      about: writeAllowed({ ...allowing, id, passkey }),
      expiresAt: tx.now + codeMax,
    })
    const kept = await keepCounter(tx, used.value)
    if (!kept.ok) return kept
    const { client, redirect, resource, service, scope } = allowing
    await note(tx, {
      kind: 'credential.authorized',
      actor: person.name,
      subject: id,
      facts: { identity: stands.value.name, person: person.name, client, redirect, service, resource, scope, passkey },
    })
    return done({ code: new Secret(code), back: { redirect, ...(allowing.state === undefined ? {} : { state: allowing.state }) } })
  })
}

/** Under what a code is kept: the code itself is nowhere. */
export function codeKey(code: string): string {
  return createHash('sha256').update(`authorization-code:${code}`).digest('base64url')
}
