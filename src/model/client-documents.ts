/** OAuth clients that say who they are by a document at an https address (Client ID Metadata Document): what of it is believed, and what is not. */
import type { JsonObject, JsonValue } from '../kernel/json.ts'
import { refuse } from '../kernel/refusals.ts'
import { done, type Refused, type Result } from '../kernel/result.ts'

/** A client as its document describes it: nobody has checked that it is what it calls itself. */
export interface ClientDocument {
  /** The address of the document, which is the client's id. */
  readonly id: string
  readonly name: string
  readonly redirects: readonly string[]
  /** Whether it takes refresh tokens. */
  readonly refreshes: boolean
}

const idCharactersMax = 512
const redirectsMax = 50
const redirectCharactersMax = 1_000
const nameCharactersMax = 100

const loopbackHosts = ['localhost', '127.0.0.1', '[::1]']

/**
 * The address that a client id is, in the one form in which it is written: https, a path, no user, no fragment. With `takesLoopback` plain
 * http to this machine too, for trying things. Refuses `client.invalid`.
 */
export function parseClientId(text: string, { takesLoopback }: { readonly takesLoopback: boolean }): Result<URL> {
  const url = text.length <= idCharactersMax && URL.canParse(text) ? new URL(text) : undefined
  if (url === undefined) return invalid('client_id is the https address of its metadata document')
  const isTaken = url.protocol === 'https:' || (takesLoopback && url.protocol === 'http:' && isLoopback(url))
  if (!isTaken) return invalid('client_id is the https address of its metadata document')
  if (url.username !== '' || url.password !== '' || text.includes('#')) return invalid('a client_id has no user and no fragment')
  // Read back otherwise, two servers could take it for two clients: this also leaves out `..` in a path.
  if (url.href !== text || url.pathname === '/') return invalid('a client_id has a path, and is written as browsers write it')
  return done(url)
}

/** Reads a document that was found at `id`. What is not known in it is left alone. Refuses `client.invalid`. */
export function readClientDocument(id: string, document: JsonObject): Result<ClientDocument> {
  const {
    client_id: saidId,
    client_name: name,
    redirect_uris: redirects,
    grant_types: grantTypes,
    response_types: responseTypes,
  } = document
  if (saidId !== id) return invalid('the document at this address is not about this client_id')
  if (typeof name !== 'string' || name.trim() === '' || name.length > nameCharactersMax)
    return invalid(`client_name is there, and at most ${nameCharactersMax} characters long`)
  // There is no way in which it could have agreed on a secret with us; one in a public document is none.
  if (document['client_secret'] !== undefined) return invalid('a document that everybody can read holds no client_secret')
  const method = document['token_endpoint_auth_method'] ?? 'none'
  if (method !== 'none') return invalid('token_endpoint_auth_method is none: clients prove themselves by PKCE here')
  if (grantTypes !== undefined && !listOfTexts(grantTypes)?.includes('authorization_code'))
    return invalid('grant_types leaves out authorization_code')
  if (responseTypes !== undefined && !listOfTexts(responseTypes)?.includes('code')) return invalid('response_types leaves out code')
  const taken = listOfTexts(redirects)
  if (taken === undefined || taken.length === 0 || taken.length > redirectsMax)
    return invalid(`redirect_uris is a list of 1 to ${redirectsMax} addresses`)
  const odd = taken.find((each) => !isRedirect(each))
  if (odd !== undefined) return invalid(`the redirect "${odd.slice(0, 80)}" is neither https nor http to the machine of the browser`)
  return done({ id, name, redirects: taken, refreshes: listOfTexts(grantTypes)?.includes('refresh_token') === true })
}

/** Whether the client may be answered there: as it is written in its document, but that of a loopback address the port may be another (RFC 8252 § 7.3). */
export function mayRedirectTo({ redirects }: Pick<ClientDocument, 'redirects'>, asked: string): boolean {
  if (redirects.includes(asked)) return isRedirect(asked)
  if (!isRedirect(asked) || !isLoopbackRedirect(asked)) return false
  return redirects.some((each) => isLoopbackRedirect(each) && withoutPort(each) === withoutPort(asked))
}

/** Whether whatever listens on the machine of the browser hears the answer. */
export function isLoopbackRedirect(text: string): boolean {
  const url = new URL(text)
  return url.protocol === 'http:' && isLoopback(url)
}

function isRedirect(text: string): boolean {
  if (text.length > redirectCharactersMax || !/^[\x21-\x7e]+$/.test(text) || text.includes('#') || !URL.canParse(text)) return false
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') return false
  return url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url))
}

function withoutPort(text: string): string {
  const url = new URL(text)
  url.port = ''
  return url.href
}

function isLoopback({ hostname }: URL): boolean {
  return loopbackHosts.includes(hostname)
}

function listOfTexts(value: JsonValue | undefined): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined
  const texts = value.filter((each): each is string => typeof each === 'string')
  return texts.length === value.length ? texts : undefined
}

function invalid(detail: string): Refused {
  return refuse('client.invalid', { detail })
}
