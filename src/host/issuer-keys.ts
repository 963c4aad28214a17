/** The public keys of a token issuer: given as text, or fetched within limits and kept for a while. */
import { createLocalJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey, type LocalJWKSet } from 'jose'
import { z } from 'zod'
import type { Instant, Milliseconds } from '../kernel/instants.ts'
import { isJsonObject, parseJson } from '../kernel/json.ts'

export interface KeyLimits {
  /** How long one fetch may take, body included. */
  readonly fetchMax: Milliseconds
  readonly bytesMax: number
  readonly keysMax: number
  /** Kept keys older than this are fetched again; if they cannot be, they no longer count. */
  readonly keptMax: Milliseconds
  /** The least time between two fetches that an unknown `kid` may cause. */
  readonly cooldown: Milliseconds
  /** How long nothing is fetched after a fetch that failed. */
  readonly pauseAfterFailure: Milliseconds
}

export const keyLimits: KeyLimits = {
  fetchMax: 3_000,
  bytesMax: 262_144,
  keysMax: 100,
  keptMax: 600_000,
  cooldown: 30_000,
  pauseAfterFailure: 5_000,
}

const keySetShape = z.object({ keys: z.array(z.looseObject({ kty: z.string() })) })

/** The keys could not be had: never a reason to accept a token. */
export class KeysUnavailable extends Error {}

/** Keys from the text of a JWK set (RFC 7517). Throws `KeysUnavailable` when it is none. */
export function keysFromText(text: string, limits: KeyLimits = keyLimits): LocalJWKSet {
  return createLocalJWKSet(parseKeySet(text, limits))
}

/**
 * Keys from a URL: https, or http to this machine. No redirect is followed. One fetch runs at a time, whoever waits shares it.
 * The answer throws `KeysUnavailable` when the keys cannot be had.
 */
export function keysFromUrl(url: string, clock: { now(): Instant }, limits: KeyLimits = keyLimits): JWTVerifyGetKey {
  let kept: { readonly keys: LocalJWKSet; readonly at: Instant } | undefined
  let failedAt: Instant | undefined
  let fetching: Promise<LocalJWKSet> | undefined

  async function fetchKeys(): Promise<LocalJWKSet> {
    if (failedAt !== undefined && clock.now() - failedAt < limits.pauseAfterFailure) throw new KeysUnavailable('the last fetch failed')
    try {
      const keys = keysFromText(await fetchText(url, limits), limits)
      kept = { keys, at: clock.now() }
      failedAt = undefined
      return keys
    } catch (thrown) {
      failedAt = clock.now()
      throw thrown instanceof KeysUnavailable ? thrown : new KeysUnavailable(reasonOf(thrown))
    }
  }

  function fetchOnce(): Promise<LocalJWKSet> {
    fetching ??= fetchKeys().finally(() => {
      fetching = undefined
    })
    return fetching
  }

  return async (header, token) => {
    const age = kept === undefined ? undefined : clock.now() - kept.at
    if (kept === undefined || age === undefined || age >= limits.keptMax) return (await fetchOnce())(header, token)
    try {
      return await kept.keys(header, token)
    } catch (thrown) {
      // A key that is not there yet may be the issuer's new one. A stranger's made-up kid costs one fetch per cooldown.
      if (!(thrown instanceof errors.JWKSNoMatchingKey) || age < limits.cooldown) throw thrown
      return (await fetchOnce())(header, token)
    }
  }
}

/** Whether keys may be fetched from here: https, or http that does not leave this machine. */
export function mayFetchFrom(url: string): boolean {
  if (!URL.canParse(url)) return false
  const { protocol, hostname, username, password } = new URL(url)
  if (username !== '' || password !== '') return false
  if (protocol === 'https:') return true
  return protocol === 'http:' && (hostname === 'localhost' || hostname === '[::1]' || /^127(?:\.\d{1,3}){3}$/.test(hostname))
}

async function fetchText(url: string, limits: KeyLimits): Promise<string> {
  if (!mayFetchFrom(url)) throw new KeysUnavailable('keys are fetched over https, or over http from this machine')
  const response = await fetch(url, {
    redirect: 'manual',
    signal: AbortSignal.timeout(limits.fetchMax),
    headers: { accept: 'application/jwk-set+json, application/json' },
  })
  if (response.status !== 200 || response.body === null) {
    await response.body?.cancel()
    throw new KeysUnavailable(`the keys were answered with status ${response.status}`)
  }
  const chunks: Uint8Array[] = []
  let size = 0
  const body: AsyncIterable<unknown> = response.body
  // Leaving the loop by throwing cancels the body.
  for await (const chunk of body) {
    if (!(chunk instanceof Uint8Array)) throw new KeysUnavailable('the keys did not come as bytes')
    size += chunk.byteLength
    if (size > limits.bytesMax) throw new KeysUnavailable(`the keys are larger than ${limits.bytesMax} bytes`)
    chunks.push(chunk)
  }
  return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks))
}

function parseKeySet(text: string, limits: KeyLimits): JSONWebKeySet {
  const strict = parseJson(text, { bytesMax: limits.bytesMax, depthMax: 16 })
  if (!strict.ok || !isJsonObject(strict.value)) throw new KeysUnavailable('the keys are not a JWK set')
  const { keys } = strict.value
  if (!Array.isArray(keys) || keys.length > limits.keysMax) throw new KeysUnavailable(`a JWK set has at most ${limits.keysMax} keys`)
  // Read once more as plain values, which is what the library takes; it checks each key itself.
  const set = keySetShape.safeParse(JSON.parse(text))
  if (!set.success) throw new KeysUnavailable('the keys are not a JWK set')
  return set.data
}

/** The innermost cause has the reason of a failed fetch; the outer error only says that it failed. */
function reasonOf(thrown: unknown): string {
  if (!(thrown instanceof Error)) return 'unknown'
  return thrown.cause instanceof Error ? thrown.cause.message : thrown.message
}
