/** An MCP server over stdio that does what its tools are named after: right, wrong, late, too much, or never. Of the eras before 2026-07-28. */
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

interface Asked {
  readonly id?: number | string
  readonly method?: string
  readonly params?: { readonly name?: string; readonly arguments?: Record<string, unknown>; readonly _meta?: { progressToken?: unknown } }
}

const mode = process.argv[2] ?? ''
const cancelled: unknown[] = []
const replies: unknown[] = []
let openings = 0
let opened: unknown
let asked = 0
/** What was asked of the client, by the id of it: the call that is answered with the reply. */
const questions = new Map<unknown, unknown>()

function say(message: object): void {
  process.stdout.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`)
}

function answer(id: unknown, value: unknown): void {
  say({ id, result: { content: [{ type: 'text', text: typeof value === 'string' ? value : JSON.stringify(value) }] } })
}

const held: { id: unknown; text: string }[] = []

const tools: Readonly<Record<string, (id: unknown, given: Record<string, unknown>, asked: Asked) => void>> = {
  echo: (id, { text }) => answer(id, text),
  environment: (id) => answer(id, process.env),
  place: (id) => answer(id, { cwd: process.cwd(), pid: process.pid, openings, opened }),
  cancelled: (id) => answer(id, cancelled),
  replies: (id) => answer(id, replies),
  never: () => undefined,
  /** Answered when somebody says so, in the order that is wanted. */
  hold: (id, { text }) => void held.push({ id, text: String(text) }),
  release: (id) => {
    for (const each of held.splice(0).toReversed()) answer(each.id, each.text)
    answer(id, 'released')
  },
  progress: (id, { text }, { params }) => {
    say({ method: 'notifications/progress', params: { progressToken: params?._meta?.progressToken, progress: 1, message: text } })
    answer(id, text)
  },
  foreign: (id) => {
    say({ method: 'notifications/progress', params: { progressToken: Number(id) - 1, progress: 1, message: 'not yours' } })
    say({ method: 'notifications/progress', params: { progressToken: 12_345, progress: 1, message: 'not yours' } })
    say({ method: 'notifications/message', params: { level: 'info', data: 'somebody elses' } })
    answer(id, 'done')
  },
  garbage: (id) => {
    process.stdout.write('warning: this is no message\n[1,2]\n{"jsonrpc":"2.0"\n')
    answer(id, 'after garbage')
  },
  silentGarbage: () => void process.stdout.write('oops\n'),
  endlessGarbage: () => {
    for (let line = 0; line < 200; line += 1) process.stdout.write('oops\n')
  },
  twice: (id) => void process.stdout.write(`{"jsonrpc":"2.0","id":${String(id)},"result":{},"result":{}}\n`),
  neither: (id) => say({ id }),
  unknown: (id) => {
    say({ id: 987_654, result: { secret: 'nobody asked' } })
    say({ id: 'a-text', result: {} })
    answer(id, 'known')
  },
  again: (id) => {
    answer(id, 'first')
    answer(id, 'second')
  },
  half: (id) => {
    process.stdout.write(`{"jsonrpc":"2.0","id":${String(id)},"resu`, () => process.exit(3))
  },
  die: () => process.exit(7),
  large: (id, { bytes }) => answer(id, 'x'.repeat(Number(bytes))),
  endless: () => {
    const chunk = Buffer.alloc(65_536, 0x78)
    process.stdout.write('{"jsonrpc":"2.0","result":"')
    const more = () => process.stdout.write(chunk, more)
    more()
  },
  sample: (id) => {
    say({ id: 'ask-1', method: 'sampling/createMessage', params: {} })
    say({ id: 'ask-2', method: 'ping' })
    answer(id, 'asked')
  },
  /** To stderr, lines and then one that does not end; answered when all of it was taken. */
  flood: (id, { bytes }) => {
    const lines = Buffer.from('an error of no interest\n'.repeat(4_096))
    for (let left = Number(bytes); left > 0; left -= lines.length) process.stderr.write(lines)
    process.stderr.write('x'.repeat(1_000_000), () => answer(id, 'flooded'))
  },
  /** Answered with what the client says. */
  ask: (id, { method, text }) => {
    asked += 1
    questions.set(`ask-${asked}`, id)
    say({ id: `ask-${asked}`, method, params: { message: text } })
  },
  /** Asked, and not waited for. */
  askApart: (id, { method, text, id: as = `ask-${asked + 1}` }) => {
    asked += 1
    say({ id: as, method, params: { message: text } })
    answer(id, 'asked')
  },
  withdraw: (id) => {
    say({ method: 'notifications/cancelled', params: { requestId: `ask-${asked}`, reason: 'never mind' } })
    answer(id, 'withdrawn')
  },
  tell: (id, { text }) => {
    say({ method: 'notifications/message', params: { level: 'info', data: text } })
    answer(id, 'told')
  },
  log: (id, { text }) => {
    process.stderr.write(`${String(text)}\n`)
    answer(id, 'logged')
  },
  changed: (id) => {
    say({ method: 'notifications/tools/list_changed' })
    answer(id, 'changed')
  },
  grandchild: (id) => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' })
    answer(id, child.pid)
  },
}

if (mode === 'stubborn') process.on('SIGTERM', () => undefined)
if (mode === 'stubborn') setInterval(() => undefined, 1_000_000)
if (mode === 'broken') process.exit(1)
if (mode === 'mute') setInterval(() => undefined, 1_000_000)

createInterface({ input: process.stdin }).on('line', (line) => {
  if (mode === 'mute') return
  const asked = JSON.parse(line) as Asked
  const { id, method, params } = asked
  if (method === undefined) {
    replies.push(asked)
    if (questions.has(id)) answer(questions.get(id), asked)
    questions.delete(id)
  } else if (method === 'tools/list')
    say({ id, result: { tools: Object.keys(tools).map((name) => ({ name, inputSchema: { type: 'object' } })) } })
  else if (method === 'logging/setLevel') say({ id, result: {} })
  else if (method === 'initialize') {
    openings += 1
    opened = params
    const capabilities = { tools: { listChanged: true }, logging: {}, resources: { subscribe: true, listChanged: true } }
    say({ id, result: { protocolVersion: '2025-11-25', capabilities, serverInfo: { name: 'odd', version: '1' } } })
  } else if (method === 'notifications/cancelled') cancelled.push(params)
  else if (id !== undefined) {
    const tool = method === 'tools/call' ? tools[params?.name ?? ''] : undefined
    if (tool === undefined) say({ id, error: { code: -32601, message: 'Method not found' } })
    else tool(id, params?.arguments ?? {}, asked)
  }
})
