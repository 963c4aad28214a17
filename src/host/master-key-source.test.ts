import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { inspect } from 'node:util'
import { describeRefusal } from '../kernel/refusals.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { masterKeyId } from './master-key.ts'
import { loadMasterKey, type MasterKeySource, readMasterKeySource } from './master-key-source.ts'

const root = mkdtempSync(join(tmpdir(), 'remit-master-'))
after(() => rmSync(root, { recursive: true }))
let made = 0
function newFolder(): string {
  made += 1
  return mkdtempSync(join(root, `${made}-`))
}

const text = Buffer.alloc(32, 0xa5).toString('base64')
const sourceOf = (written: string): MasterKeySource => readMasterKeySource(written) ?? assert.fail(`${written} is no source`)

function told(result: Result<unknown>): string {
  return result.ok ? 'taken' : `${result.refusal.code}: ${describeRefusal(result.refusal)}`
}

const forms: readonly (readonly [string, MasterKeySource | undefined])[] = [
  ['file:/etc/remit/master.key', { kind: 'file', path: '/etc/remit/master.key' }],
  ['file:', undefined],
  ['env:REMIT_MASTER_KEY', { kind: 'env', name: 'REMIT_MASTER_KEY' }],
  ['env:', undefined],
  ['env:A B', undefined],
  ['command:kms decrypt  --in /etc/key', { kind: 'command', words: ['kms', 'decrypt', '--in', '/etc/key'] }],
  ['command:', undefined],
  ['passphrase', { kind: 'passphrase', from: 'terminal' }],
  ['passphrase:stdin', { kind: 'passphrase', from: 0 }],
  ['passphrase:fd:3', { kind: 'passphrase', from: 3 }],
  ['passphrase:hunter2', undefined],
  [text, undefined],
  ['', undefined],
]
for (const [written, want] of forms)
  test(`--master-key ${written || '(empty)'}`, () => assert.deepEqual(readMasterKeySource(written), want))

test('the data folder’s own key is made, kept only when asked to, and the same after a restart', async () => {
  const folder = newFolder()
  const first = mustBe(await loadMasterKey({ kind: 'folder' }, { folder, env: {} }))
  assert.deepEqual(readdirSync(folder), [], 'nothing is written before the store agrees')
  await first.keep?.()
  const again = mustBe(await loadMasterKey({ kind: 'folder' }, { folder, env: {} }))
  assert.ok(first.primary.equals(again.primary))
  assert.equal(again.keep, undefined)
  const kept = readFileSync(join(folder, 'master.key'), 'utf8').trim()
  assert.ok(![inspect(first), JSON.stringify(first)].join().includes(kept))
})

test('a variable is read and taken away', async () => {
  const env: NodeJS.ProcessEnv = { KEY: text, OTHER: 'x' }
  const ring = mustBe(await loadMasterKey(sourceOf('env:KEY'), { folder: newFolder(), env }))
  assert.equal(ring.primary.export().toString('base64'), text)
  assert.deepEqual(env, { OTHER: 'x' })
})

const canary = 'canary-7f3a'
const faults: readonly {
  readonly says: string
  readonly source: (folder: string) => string
  readonly env?: NodeJS.ProcessEnv
  readonly want: RegExp
}[] = [
  { says: 'a variable that is not set', source: () => 'env:KEY', want: /KEY is not set/ },
  { says: 'a variable that holds no key', source: () => 'env:KEY', env: { KEY: canary }, want: /KEY does not hold 32 bytes/ },
  { says: 'a key of 31 bytes', source: () => 'env:KEY', env: { KEY: Buffer.alloc(31).toString('base64') }, want: /32 bytes/ },
  { says: 'a key with a space behind it', source: () => 'env:KEY', env: { KEY: `${text} ` }, want: /32 bytes/ },
  { says: 'a file that is not there', source: (folder) => `file:${folder}/none`, want: /there is no .*none; make one/ },
  {
    says: 'a file that others may read',
    source: (folder) => {
      writeFileSync(join(folder, 'open'), text)
      chmodSync(join(folder, 'open'), 0o644)
      return `file:${folder}/open`
    },
    want: /may be read by others .*chmod 600/,
  },
  {
    says: 'a link',
    source: (folder) => {
      writeFileSync(join(folder, 'real'), text, { mode: 0o600 })
      symlinkSync(join(folder, 'real'), join(folder, 'link'))
      return `file:${folder}/link`
    },
    want: /is a link/,
  },
  { says: 'a command that is not there', source: () => 'command:/nowhere/kms', want: /could not be run \(ENOENT\)/ },
  { says: 'a command that fails', source: (folder) => `command:sh ${script(folder, `echo ${canary} >&2; exit 3`)}`, want: /ended with 3/ },
  { says: 'a command that answers something else', source: (folder) => `command:sh ${script(folder, `echo ${canary}`)}`, want: /32 bytes/ },
  { says: 'a command that answers without end', source: (folder) => `command:sh ${script(folder, 'yes')}`, want: /more than a key/ },
]

function script(folder: string, body: string): string {
  const path = join(folder, 'script')
  writeFileSync(path, body)
  return path
}

for (const { says, source, env = {}, want } of faults)
  test(`${says} is refused, and nothing of it is shown`, async () => {
    const folder = newFolder()
    const refused = told(await loadMasterKey(sourceOf(source(folder)), { folder, env: { PATH: process.env['PATH'], ...env } }))
    assert.match(refused, want)
    assert.match(refused, /^master-key\.unavailable/)
    assert.doesNotMatch(refused, new RegExp(canary))
  })

test('a command answers the key; its words are read by no shell', async () => {
  const folder = newFolder()
  const path = script(folder, `test "$1" = '$HOME;*' && echo ${text}`)
  const ring = mustBe(await loadMasterKey(sourceOf(`command:sh ${path} $HOME;*`), { folder, env: { PATH: process.env['PATH'] } }))
  assert.equal(ring.primary.export().toString('base64'), text)
})

const program = fileURLToPath(new URL('../../test/world/show-key-id.ts', import.meta.url))

interface Shown {
  readonly out: string
  readonly code: number | null
}

/** The id of the key that a process gets by this source, with lines on one of its descriptors. */
function show(folder: string, source: string, lines: string, descriptor = 0): Promise<Shown> {
  return new Promise((resolve) => {
    const stdio = [
      'pipe',
      'pipe',
      'pipe',
      ...(descriptor > 2 ? Array.from({ length: descriptor - 2 }, () => 'pipe' as const) : []),
    ] as const
    const child = spawn(process.execPath, [program, folder, source], { stdio: [...stdio] })
    let out = ''
    child.stdout?.on('data', (chunk) => (out += String(chunk)))
    child.stderr?.on('data', (chunk) => (out += String(chunk)))
    const to = child.stdio[descriptor]
    // It may end before it has read all.
    to?.on('error', () => {})
    if (to !== null && to !== undefined && 'end' in to) to.end(lines)
    child.on('close', (code) => resolve({ out: out.trim(), code }))
  })
}

test('a passphrase: set, then the same key again; wrong, short and none at all are refused; a broken file is told apart', async () => {
  const folder = newFolder()
  const passphrase = `correct ${canary} staple`
  assert.match((await show(folder, 'passphrase:stdin', 'short\n')).out, /at least 12 characters/)
  assert.equal(existsSync(join(folder, 'master-passphrase.json')), false)
  const first = await show(folder, 'passphrase:stdin', `${passphrase}\nwhat comes behind is not read`)
  assert.match(first.out, /^[0-9a-f]{16}$/)
  assert.deepEqual(await show(folder, 'passphrase:fd:4', passphrase, 4), first)
  assert.match((await show(folder, 'passphrase:stdin', 'another passphrase\n')).out, /the passphrase is wrong$/)
  assert.match((await show(folder, 'passphrase:stdin', '')).out, /gave no passphrase/)
  assert.match((await show(folder, 'passphrase', '')).out, /no terminal to ask on/)
  const path = join(folder, 'master-passphrase.json')
  const kept = readFileSync(path, 'utf8')
  assert.doesNotMatch(kept, new RegExp(canary))
  for (const [says, broken] of [
    ['cut', kept.slice(0, 60)],
    ['without its salt', kept.replace(/"salt": "[^"]+"/, '"salt": ""')],
    ['asking for all memory', kept.replace('131072', '1073741824')],
  ] as const) {
    writeFileSync(path, broken, { mode: 0o600 })
    assert.match((await show(folder, 'passphrase:stdin', passphrase)).out, /is broken/, says)
  }
})

/** The same on a terminal: `script` (util-linux) gives the process one, and writes down all that is to be seen there. */
function showOnTerminal(folder: string, answers: readonly string[]): Promise<string> {
  return new Promise((resolve) => {
    const child = spawn('script', ['-qec', `${process.execPath} ${program} ${folder} passphrase`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    let seen = ''
    let answered = 0
    child.stdout.on('data', (chunk) => {
      seen += String(chunk)
      const asked = seen.match(/(?:key|characters|again): /g)?.length ?? 0
      while (answered < Math.min(asked, answers.length)) {
        child.stdin.write(`${answers[answered]}\r`)
        answered += 1
      }
    })
    child.on('close', () => resolve(seen))
  })
}

test('on a terminal it is asked for twice, never shown, and three times at most', async () => {
  const folder = newFolder()
  const passphrase = `${canary} long enough`
  assert.match(await showOnTerminal(folder, [passphrase, 'not the same at all']), /were not the same/)
  const set = await showOnTerminal(folder, [passphrase, passphrase])
  const [id = 'none'] = /[0-9a-f]{16}/.exec(set) ?? []
  const wrongOnce = await showOnTerminal(folder, [`${passphrase}x`, passphrase])
  assert.match(wrongOnce, new RegExp(`That is not it[^]*${id}`))
  const never = await showOnTerminal(folder, ['no number one', 'no number two', 'no number three', passphrase])
  assert.match(never, /wrong 3 times/)
  for (const seen of [set, wrongOnce, never]) assert.doesNotMatch(seen, /canary|no number/)
  assert.equal((await show(folder, 'passphrase:stdin', passphrase)).out, id)
})

test('the ids of two keys differ', async () => {
  const ids = await Promise.all(
    [1, 2].map(async () => masterKeyId(mustBe(await loadMasterKey({ kind: 'folder' }, { folder: newFolder(), env: {} })).primary)),
  )
  assert.notEqual(ids[0], ids[1])
})
