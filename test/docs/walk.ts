/** Walks through a page of the docs: types its commands into real shells, one for each terminal that it names, and reads the answers. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'

export interface Block {
  readonly line: number
  /** First word after the backticks. */
  readonly language: string
  /** The words after it: a terminal, and `stays` where the command does not end by itself at this point. */
  readonly words: readonly string[]
  readonly text: string
}

/** The fenced blocks of a page, in their order. */
export function fencedBlocks(markdown: string): Block[] {
  const blocks: Block[] = []
  const lines = markdown.split('\n')
  for (let at = 0; at < lines.length; at += 1) {
    const [, info] = /^\s*```(.*)$/.exec(lines[at] ?? '') ?? []
    if (info === undefined) continue
    const end = lines.findIndex((text, place) => place > at && /^\s*```\s*$/.test(text))
    assert.ok(end > at, `the block in line ${at + 1} has no end`)
    const [language = '', ...words] = info.trim().split(/\s+/)
    blocks.push({ line: at + 1, language, words, text: lines.slice(at + 1, end).join('\n') })
    at = end
  }
  return blocks
}

const patienceMs = 300_000
const pollMs = 50

/** One terminal of the reader's. */
class Terminal {
  readonly shell: ChildProcess
  #said = ''
  #read = 0
  #commands = 0

  constructor(cwd: string, env: Readonly<Record<string, string | undefined>>) {
    this.shell = spawn('bash', ['--norc', '--noprofile'], { cwd, env, stdio: ['pipe', 'pipe', 'pipe'], detached: true })
    for (const stream of [this.shell.stdout, this.shell.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#said += text
      })
    }
  }

  /** What was said since the last block. */
  get news(): string {
    return this.#said.slice(this.#read)
  }

  get isIdle(): boolean {
    return this.#commands === 0 || this.#said.includes(`<done ${this.#commands}>`)
  }

  type(text: string): void {
    this.#read = this.#said.length
    this.#commands += 1
    this.shell.stdin?.write(`${text}\nsleep 0.1; echo; echo "<done ${this.#commands}>"\n`)
  }

  end(): void {
    const { pid } = this.shell
    // The whole group: what the shell started must not outlive the walk.
    if (pid !== undefined && this.shell.exitCode === null) process.kill(-pid, 'SIGKILL')
  }
}

export interface Place {
  readonly cwd: string
  readonly env: Readonly<Record<string, string | undefined>>
  /** What the page says → what it is here: ports, folders, flags. */
  readonly here: readonly (readonly [string, string])[]
}

const idPattern = /\b(?:grn|hld|dec|crd|exc|chg)_[0-9A-Z]{26}\b/g
const linkPattern = /http:\/\/localhost:\d+\/(?:register\/[\w-]+|device\?code=[\w-]+)/g

/** The terminals of one reader, who reads on from page to page. */
export class Walk {
  readonly #place: Place
  readonly #terminals = new Map<string, Terminal>()
  /** The newest id or link that any terminal showed, by how it begins. */
  readonly #newest = new Map<string, string>()
  readonly #seen = new Set<string>()
  /** What is typed first into each new terminal. */
  #prelude = ''
  /** Commands typed. */
  steps = 0

  constructor(place: Place) {
    this.#place = place
  }

  /** Walks the page's `sh` blocks that name a terminal, and holds the `text` blocks against what those answer. */
  async page(name: string, markdown: string): Promise<void> {
    let terminal: string | undefined
    const blocks = fencedBlocks(markdown)
    for (const [place, block] of blocks.entries()) {
      const where = `${name}:${block.line}`
      const [who] = block.words
      if (block.language === 'sh' && who === 'every') this.#prelude = this.#translate(block.text)
      else if (block.language === 'sh' && who !== undefined) {
        terminal = who
        const next = blocks[place + 1]
        const wanted = next?.language === 'text' ? next.text : ''
        await this.#run({ where, who, block, wanted })
      } else if (block.language === 'text' && who !== undefined) await this.#expect(where, who, block.text)
      else if (block.language === 'text') assert.ok(terminal !== undefined, `${where}: nobody has typed anything yet`)
    }
  }

  end(): void {
    for (const terminal of this.#terminals.values()) terminal.end()
  }

  async #run(step: { readonly where: string; readonly who: string; readonly block: Block; readonly wanted: string }): Promise<void> {
    const { where, who, block, wanted } = step
    const terminal = this.#terminals.get(who) ?? this.#open(who)
    await this.#until(`${where}: the terminal ${who} to be free`, () => terminal.isIdle, terminal)
    this.#learn()
    this.steps += 1
    // Ids that a block's own first lines make are only known once those have answered.
    const stays = block.words.includes('stays')
    for (const part of stays ? [block.text] : commandsOf(block.text)) {
      terminal.type(this.#translate(part))
      if (stays) break
      await this.#until(`${where}: ${part} to end`, () => terminal.isIdle, terminal)
      this.#learn()
      this.#heard.set(terminal, `${this.#heard.get(terminal) ?? ''}${terminal.news}`)
    }
    if (stays) await this.#expect(where, who, wanted)
    else compare(where, this.#move(wanted), this.#heard.get(terminal) ?? '')
    this.#heard.delete(terminal)
    this.#learn()
  }

  readonly #heard = new WeakMap<Terminal, string>()

  #open(who: string): Terminal {
    const terminal = new Terminal(this.#place.cwd, this.#place.env)
    this.#terminals.set(who, terminal)
    if (this.#prelude !== '') terminal.type(this.#prelude)
    return terminal
  }

  async #expect(where: string, who: string, wanted: string): Promise<void> {
    const terminal = this.#terminals.get(who)
    assert.ok(terminal !== undefined, `${where}: there is no terminal ${who}`)
    const lines = this.#move(wanted)
    await this.#until(`${where}:\n${lines}`, () => missing(lines, terminal.news).length === 0, terminal)
    this.#learn()
  }

  async #until(what: string, isSo: () => boolean, terminal: Terminal): Promise<void> {
    const until = Date.now() + patienceMs
    while (!isSo()) {
      if (Date.now() > until) assert.fail(`waited in vain for ${what}\n--- the terminal says\n${terminal.news}`)
      await new Promise((resolve) => setTimeout(resolve, pollMs))
    }
  }

  #learn(): void {
    for (const terminal of this.#terminals.values()) {
      for (const [id] of terminal.news.matchAll(idPattern)) this.#note(id.slice(0, 4), id)
      for (const [link] of terminal.news.matchAll(linkPattern)) this.#note(link.includes('/register/') ? 'register/' : 'device?code=', link)
    }
  }

  /** Each is new once, in whichever terminal it still stands. */
  #note(kind: string, text: string): void {
    if (this.#seen.has(text)) return
    this.#seen.add(text)
    this.#newest.set(kind, text)
  }

  #move(text: string): string {
    return this.#place.here.reduce((all, [there, here]) => all.replaceAll(there, here), text)
  }

  /** With the ids and links that a reader would copy. */
  #translate(text: string): string {
    return this.#move(text)
      .replaceAll(/http:\/\/localhost:\d+\/(register\/|device\?code=)…/g, (written, kind: string) => this.#newest.get(kind) ?? written)
      .replaceAll(/\b(grn_|hld_|dec_|crd_|exc_|chg_)…/g, (written, kind: string) => this.#newest.get(kind) ?? written)
  }
}

/** Whole commands: a here-document and what an open bracket or backslash holds together stay one. */
function commandsOf(text: string): string[] {
  const commands: string[] = []
  let here: string | undefined
  let open = ''
  for (const line of text.split('\n')) {
    open = open === '' ? line : `${open}\n${line}`
    const [, started] = here === undefined ? (/<<'?(\w+)'?/.exec(line) ?? []) : []
    if (started !== undefined) here = started
    else if (line === here) here = undefined
    if (here !== undefined || line.endsWith('\\')) continue
    if (open.trim() !== '') commands.push(open)
    open = ''
  }
  return commands
}

function compare(where: string, wanted: string, said: string): void {
  const absent = missing(wanted, said)
  assert.equal(absent.length, 0, `${where}: the page says\n${absent.join('\n')}\n--- the terminal says\n${said}`)
}

/** The lines of the page that no line of the terminal fits; `…` stands for anything. */
function missing(wanted: string, said: string): string[] {
  const heard = said.split('\n').map(squeeze)
  return wanted
    .split('\n')
    .filter((line) => line.trim() !== '')
    .filter((line) => {
      const pattern = new RegExp(`^${squeeze(line).split('…').map(escape).join('.*')}$`)
      return !heard.some((each) => pattern.test(each))
    })
}

function squeeze(line: string): string {
  return line.trim().replaceAll(/\s+/g, ' ')
}

function escape(text: string): string {
  return text.replaceAll(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
