/** The answer to a handshake of RFC 6455, held against what was asked. */
import { hash } from 'node:crypto'
import { refuse } from '../../kernel/refusals.ts'
import { done, type Result } from '../../kernel/result.ts'
import { headerOf, headersOf, listMembers } from './headers.ts'

const websocketGuid = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'

/**
 * Checks the headers of a `101` by RFC 6455 §4.1: the protocol, the proof that this very request was read, and no subprotocol or
 * extension that was not offered. Refuses `upstream.malformed`, naming the part.
 */
export function switchHeaders(asked: readonly string[], answered: readonly string[]): Result<undefined> {
  const malformed = (detail: string) => refuse('upstream.malformed', { detail })
  for (const name of ['upgrade', 'connection', 'sec-websocket-accept', 'sec-websocket-protocol'])
    if (headersOf(answered, name).length > 1) return malformed(`${name} stands twice in its handshake`)
  if (headerOf(answered, 'upgrade')?.toLowerCase() !== 'websocket') return malformed('it changed to another protocol')
  if (!listMembers(headerOf(answered, 'connection') ?? '').includes('upgrade')) return malformed('its handshake lists no upgrade')
  if (headerOf(answered, 'transfer-encoding') !== undefined || (headerOf(answered, 'content-length') ?? '0') !== '0')
    return malformed('its handshake has a body')
  const accept = hash('sha1', `${headerOf(asked, 'sec-websocket-key')}${websocketGuid}`, 'base64')
  if (headerOf(answered, 'sec-websocket-accept') !== accept) return malformed('it answered another handshake')
  const protocol = headerOf(answered, 'sec-websocket-protocol')
  const offered = headersOf(asked, 'sec-websocket-protocol').flatMap((value) => value.split(',').map((one) => one.trim()))
  if (protocol !== undefined && !offered.includes(protocol)) return malformed('it chose a subprotocol that was not offered')
  const wanted = extensionsOf(asked)
  if (extensionsOf(answered).some((one) => !wanted.includes(one))) return malformed('it chose an extension that was not offered')
  return done(undefined)
}

/** Their names, without parameters. */
function extensionsOf(flat: readonly string[]): readonly string[] {
  return headersOf(flat, 'sec-websocket-extensions').flatMap((value) => listMembers(value).map((one) => one.split(';')[0]?.trim() ?? ''))
}
