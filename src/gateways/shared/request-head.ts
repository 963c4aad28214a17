/** The head of a request as it goes out to an upstream. */

export interface Outgoing {
  readonly method: string
  readonly path: string
  /** Flat and complete but for Host and Connection. */
  readonly headers: readonly string[]
  /** The name that the upstream is to hear; else that of its origin. */
  readonly host?: string | undefined
  /** The protocol it asks to change to. */
  readonly upgrade?: 'websocket' | undefined
}

/** Throws on what would end a line early: a credential comes from a configuration, not from a parser. */
export function requestHead({ method, path, headers, upgrade }: Outgoing, host: string): string {
  let text = `${method} ${path} HTTP/1.1\r\nHost: ${value(host)}\r\n`
  for (let at = 0; at + 1 < headers.length; at += 2) text += `${headers[at]}: ${value(headers[at + 1] ?? '')}\r\n`
  return upgrade === undefined ? `${text}Connection: keep-alive\r\n\r\n` : `${text}Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n\r\n`
}

function value(text: string): string {
  if (/[^\t\x20-\x7e\x80-\xff]/.test(text)) throw new Error('a header of the request cannot be written')
  return text
}
