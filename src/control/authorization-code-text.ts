/** What a person allowed a client, as it waits to be signed, and then to be redeemed: written canonically, and nothing else is read. */
import { type CredentialId, type IdentityId, parseId, type PasskeyId } from '../kernel/ids.ts'
import { canonicalJson, isJsonObject, parseJson } from '../kernel/json.ts'
import type { AuthorizationRequest } from './authorization-code-request.ts'

/** A request with the agent that it is for. */
export interface Allowing extends AuthorizationRequest {
  readonly agent: IdentityId
}

/** The same once it is signed: `id` is that of the credential it becomes. */
export interface Allowed extends Allowing {
  readonly id: CredentialId
  readonly passkey: PasskeyId
}

/** What is signed, by its SHA-256. */
export function writeAllowing(
  allowing: Allowing,
  signer: { readonly space: string; readonly person: string; readonly nonce: string },
): string {
  return canonicalJson({ v: 1, purpose: 'authorize', ...signer, ...allowing })
}

export function writeAllowed(allowed: Allowed): string {
  return canonicalJson({ v: 1, purpose: 'authorization-code', ...allowed })
}

export function parseAllowing(text: string): Allowing | undefined {
  const read = parseJson(text)
  if (!read.ok || !isJsonObject(read.value)) return undefined
  const { client, redirect, challenge, resource, gateway, service, scope, refreshes, agent, state } = read.value
  const id = typeof agent === 'string' ? parseId('idn', agent) : undefined
  if (id?.ok !== true || !Array.isArray(scope) || typeof refreshes !== 'boolean') return undefined
  if (typeof client !== 'string' || typeof redirect !== 'string' || typeof challenge !== 'string') return undefined
  if (typeof resource !== 'string' || typeof gateway !== 'string' || typeof service !== 'string') return undefined
  const lines = scope.filter((line): line is string => typeof line === 'string')
  const answered = typeof state === 'string' ? { state } : {}
  return { client, redirect, ...answered, challenge, resource, gateway, service, scope: lines, refreshes, agent: id.value }
}

export function parseAllowed(text: string): Allowed | undefined {
  const read = parseJson(text)
  const allowing = parseAllowing(text)
  if (allowing === undefined || !read.ok || !isJsonObject(read.value) || read.value['purpose'] !== 'authorization-code') return undefined
  const { id, passkey } = read.value
  const credential = typeof id === 'string' ? parseId('crd', id) : undefined
  const signed = typeof passkey === 'string' ? parseId('pks', passkey) : undefined
  return credential?.ok === true && signed?.ok === true ? { ...allowing, id: credential.value, passkey: signed.value } : undefined
}
