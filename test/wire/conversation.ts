/** Text conversations: what a client sends byte for byte, what it must hear, and what the upstream must have received. */
import { connect } from 'node:net'

export interface WantedAnswer {
  readonly status: number
  /** Of a refusal. */
  readonly code?: string
  /** `name: value`, or `!name` for one that must be absent. */
  readonly headers: string[]
}

export interface WantedRequest {
  readonly line: string
  /** Like those of an answer; `body: text` is the body. */
  readonly facts: string[]
}

export interface Conversation {
  readonly says: string
  bytes: Buffer
  readonly answers: WantedAnswer[]
  readonly upstream: WantedRequest[]
  /** Whether the connection must end by itself. */
  closes: boolean
}

/**
 * `=== title`; `> line` sends the line and CRLF, `+ text` sends the text as it is, both with the escapes \r \n \t \0 \\ \xHH;
 * `< status [code]` wants an answer, `<< fact` something of it, `< closed` the end of the connection;
 * `^ line` wants a request at the upstream, `^^ fact` something of it. No `^` line: the upstream must have received nothing.
 */
export function readConversations(text: string): readonly Conversation[] {
  const found: Conversation[] = []
  for (const [number, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('# ')) continue
    const [, mark = '', rest = ''] = /^(===|<<|\^\^|[>+<^])(?: (.*))?$/.exec(line) ?? []
    const now = found.at(-1)
    if (mark === '===') found.push({ says: rest, bytes: Buffer.alloc(0), answers: [], upstream: [], closes: false })
    else if (now === undefined || !add(now, mark, rest)) throw new Error(`line ${number + 1} cannot be read: ${line}`)
  }
  return found
}

function add(now: Conversation, mark: string, rest: string): boolean {
  switch (mark) {
    case '>':
      now.bytes = Buffer.concat([now.bytes, unescape(`${rest}\\r\\n`)])
      return true
    case '+':
      now.bytes = Buffer.concat([now.bytes, unescape(rest)])
      return true
    case '<': {
      if (rest === 'closed') now.closes = true
      const [, status, code] = /^(\d{3})(?: ([a-z.-]+))?$/.exec(rest) ?? []
      if (status !== undefined) now.answers.push({ status: Number(status), headers: [], ...(code === undefined ? {} : { code }) })
      return now.closes || status !== undefined
    }
    case '<<':
      return now.answers.at(-1)?.headers.push(rest) !== undefined
    case '^':
      return now.upstream.push({ line: rest, facts: [] }) > 0
    case '^^':
      return now.upstream.at(-1)?.facts.push(rest) !== undefined
    default:
      return false
  }
}

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }

function unescape(text: string): Buffer {
  const plain = text.replaceAll(/\\(?:x([0-9A-Fa-f]{2})|(.))/g, (_all, hex: string | undefined, letter: string | undefined) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    const character = escapes[letter ?? '']
    if (character === undefined) throw new Error(`unknown escape \\${letter}`)
    return character
  })
  return Buffer.from(plain, 'latin1')
}

export interface HeardAnswer {
  readonly status: number
  readonly headers: ReadonlyMap<string, string>
  readonly body: string
}

/** Sends bytes over a connection of their own and answers what came back: so many answers, or everything up to the end. */
export function converse(
  port: number,
  bytes: Buffer,
  until: { readonly answers: number; readonly closes: boolean },
): Promise<{ readonly answers: readonly HeardAnswer[]; readonly closed: boolean }> {
  return new Promise((resolve, reject) => {
    let heard = Buffer.alloc(0)
    const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
    const settle = (closed: boolean) => {
      socket.destroy()
      resolve({ answers: readAnswers(heard), closed })
    }
    socket.setTimeout(60_000, () => reject(new Error(`nothing more after: ${heard.toString('latin1')}`)))
    socket.on('data', (chunk: Buffer) => {
      heard = Buffer.concat([heard, chunk])
      if (!until.closes && readAnswers(heard).length >= until.answers) settle(false)
    })
    socket.on('error', () => settle(true))
    socket.on('close', () => settle(true))
  })
}

/** The whole answers at the start of what was heard; those with Content-Length or without a body. */
function readAnswers(heard: Buffer): readonly HeardAnswer[] {
  const answers: HeardAnswer[] = []
  for (let at = 0; at < heard.byteLength; ) {
    const end = heard.indexOf('\r\n\r\n', at)
    if (end === -1) break
    const [first = '', ...lines] = heard.toString('latin1', at, end).split('\r\n')
    const headers = new Map(lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]))
    const status = Number(first.split(' ')[1])
    const length = status < 200 ? 0 : Number(headers.get('content-length') ?? 0)
    if (heard.byteLength < end + 4 + length) break
    answers.push({ status, headers, body: heard.toString('utf8', end + 4, end + 4 + length) })
    at = end + 4 + length
  }
  return answers
}
