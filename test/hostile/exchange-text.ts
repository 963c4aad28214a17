/** The text form of hostile exchanges: bytes as they go over the wire, and what must come of them. */

/** One thing the client does, in order. */
export type ClientStep =
  | { readonly does: 'send'; readonly bytes: Buffer }
  /** Waits for `100 Continue`, or for so many final answers. */
  | { readonly does: 'await'; readonly what: 'continue' | number }
  /** Says that no more will come, and goes on reading. */
  | { readonly does: 'end' }

export interface UpstreamAnswer {
  readonly bytes: Buffer
  /** Given as soon as the head of the request has come, and not only behind its body. */
  readonly isEarly: boolean
  /** What becomes of the upstream's connection behind it. */
  readonly ending: 'keep' | 'close' | 'reset'
}

/**
 * `refused`: an answer of the gateway's own, and no byte of the request at the upstream. `forwarded`: the upstream received it, and the
 * client the upstream's answer. `failed`: the upstream received it, and the client heard a refusal instead of the answer. `cut`: an
 * answer that visibly breaks off. `dropped`: refused, or the connection ends without a word; nothing whole at the upstream either way.
 */
export interface WantedEnd {
  readonly what: 'refused' | 'forwarded' | 'failed' | 'cut' | 'dropped'
  /** Of the answer; more than one where the standard leaves the choice. */
  readonly statuses: readonly number[]
  readonly codes: readonly string[]
  /** `METHOD target` at the upstream; empty for what never comes there. */
  readonly line: string
  /** `name: value`, `!name`, `body: text`: what the upstream must have received. */
  readonly atUpstream: string[]
  /** The same of the answer that the client must have heard. */
  readonly atClient: string[]
}

export interface HostileExchange {
  readonly file: string
  readonly says: string
  why: string
  readonly steps: ClientStep[]
  answer: UpstreamAnswer | undefined
  readonly wants: WantedEnd[]
  /** `either`: it may end or go on, but if it goes on, both sides must agree on where the next request begins. */
  connection: 'closed' | 'open' | 'either'
}

/**
 * `=== title` and `why: reason` open an exchange. `> bytes` are sent by the client; `>> await continue`, `>> await N` and `>> end` stand
 * between them. `< bytes` are the upstream's answer to the first request, with `<< early`, `<< close` or `<< reset`; without them it
 * answers 200 and what it saw. `= end` is what becomes of each request, in order: `refused 400 code`, `forwarded METHOD target`,
 * `answered 200 METHOD target` (the same with a status of the upstream's), `failed 502 code METHOD target`, `cut METHOD target`,
 * `dropped`. `^ fact` is about the request at the upstream, `& fact` about the answer at the client. `= then closed` or `= then open`.
 *
 * Bytes know the escapes \r \n \t \0 \\ \xHH and \[text*N], and nothing is added at the end of a line.
 */
export function readExchanges(file: string, text: string): readonly HostileExchange[] {
  const found: HostileExchange[] = []
  for (const [number, line] of text.split('\n').entries()) {
    if (line === '' || line.startsWith('#')) continue
    const [, mark = '', rest = ''] = /^(===|why:|>>|<<|[><=^&])(?: (.*))?$/.exec(line) ?? []
    const now = found.at(-1)
    if (mark === '===') found.push({ file, says: rest, why: '', steps: [], answer: undefined, wants: [], connection: 'either' })
    else if (now === undefined || !add(now, mark, rest)) throw new Error(`${file}, line ${number + 1} cannot be read: ${line}`)
  }
  const bare = found.find(({ why, steps, wants }) => why === '' || steps.length === 0 || wants.length === 0)
  if (bare !== undefined) throw new Error(`${file}: "${bare.says}" lacks its reason, its bytes or its end`)
  return found
}

function add(now: HostileExchange, mark: string, rest: string): boolean {
  switch (mark) {
    case 'why:':
      now.why = rest
      return true
    case '>':
      return send(now, unescape(rest))
    case '>>':
      return addStep(now, rest)
    case '<':
      now.answer = { ...answerOf(now), bytes: Buffer.concat([answerOf(now).bytes, unescape(rest)]) }
      return true
    case '<<':
      return addManner(now, rest)
    case '=':
      return addWanted(now, rest)
    case '^':
      return now.wants.at(-1)?.atUpstream.push(rest) !== undefined
    default:
      return now.wants.at(-1)?.atClient.push(rest) !== undefined
  }
}

function send(now: HostileExchange, bytes: Buffer): boolean {
  const last = now.steps.at(-1)
  if (last?.does === 'send') now.steps[now.steps.length - 1] = { does: 'send', bytes: Buffer.concat([last.bytes, bytes]) }
  else now.steps.push({ does: 'send', bytes })
  return true
}

function addStep(now: HostileExchange, rest: string): boolean {
  if (rest === 'end') return now.steps.push({ does: 'end' }) > 0
  const [, what] = /^await (continue|\d+)$/.exec(rest) ?? []
  return what !== undefined && now.steps.push({ does: 'await', what: what === 'continue' ? what : Number(what) }) > 0
}

function addManner(now: HostileExchange, rest: string): boolean {
  const answer = answerOf(now)
  if (rest === 'early') now.answer = { ...answer, isEarly: true }
  else if (rest === 'close' || rest === 'reset') now.answer = { ...answer, ending: rest }
  else return false
  return true
}

function answerOf({ answer }: HostileExchange): UpstreamAnswer {
  return answer ?? { bytes: Buffer.alloc(0), isEarly: false, ending: 'keep' }
}

function addWanted(now: HostileExchange, rest: string): boolean {
  if (rest === 'then closed' || rest === 'then open') {
    now.connection = rest === 'then open' ? 'open' : 'closed'
    return true
  }
  const [, what, status, code, line] =
    /^(refused|forwarded|answered|failed|cut|dropped)(?: ([\d|]+))?(?: ([a-z.|-]+))?(?: ([A-Za-z-]+ \S+))?$/.exec(rest) ?? []
  if (what === undefined) return false
  const statuses = status?.split('|').map(Number) ?? (what === 'forwarded' ? [200] : [])
  if (statuses.length === 0 && ['refused', 'failed', 'answered'].includes(what)) return false
  now.wants.push({
    what: what === 'answered' ? 'forwarded' : (what as WantedEnd['what']),
    statuses,
    codes: code?.split('|') ?? [],
    line: unescape(line ?? '').toString('latin1'),
    atUpstream: [],
    atClient: [],
  })
  return true
}

const escapes: Readonly<Record<string, string>> = { r: '\r', n: '\n', t: '\t', '0': '\0', '\\': '\\' }

/** The bytes of an escaped text; every character outside the escapes is one byte, so it must be ASCII. Throws on others. */
export function unescape(text: string): Buffer {
  const parts: string[] = []
  let at = 0
  for (const { 0: whole, 1: many, 2: times, 3: hex, 4: letter = '', index } of text.matchAll(escape)) {
    parts.push(text.slice(at, index))
    at = index + whole.length
    if (many !== undefined) parts.push(unescape(many).toString('latin1').repeat(Number(times)))
    else if (hex !== undefined) parts.push(String.fromCharCode(Number.parseInt(hex, 16)))
    else if (escapes[letter] === undefined) throw new Error(`unknown escape \\${letter}`)
    else parts.push(escapes[letter])
  }
  const plain = [...parts, text.slice(at)].join('')
  if (/[^\0-\x7f]/.test(text)) throw new Error(`bytes above ASCII are written \\xHH: ${text}`)
  return Buffer.from(plain, 'latin1')
}

const escape = /\\(?:\[(.+?)\*(\d+)\]|x([0-9A-Fa-f]{2})|(.))/g
