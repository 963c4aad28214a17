/** `remit witness` as a process: its answers as tlog-witness wants them, and a memory that survives whatever happens to it. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { createPrivateKey } from 'node:crypto'
import { chmodSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, type TestContext } from 'node:test'
import { makeSigner } from '../../src/host/key-files.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { writeAddCheckpoint } from '../../src/ledger/add-checkpoint.ts'
import { openCheckpoint, signCheckpoint } from '../../src/ledger/checkpoint.ts'
import { addSignature, makeVkey, parseVkey } from '../../src/ledger/note.ts'
import { appendLeaf, consistencyProof, emptyFrontier, frontierRoot, type Hash, leafHash } from '../../src/ledger/tree.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-witness-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const pkcs8 = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 1)])
const log = makeSigner(createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' }), 'log.example')
const logVkey = makeVkey(log.name, log.publicKey)
const logKey = mustBe(parseVkey(logVkey))

const most = 300
const nodes = new Map<string, Hash>()
const roots: Hash[] = [frontierRoot(emptyFrontier)]
let frontier = emptyFrontier
for (let index = 0; index < most; index += 1) {
  frontier = appendLeaf(frontier, leafHash(Buffer.from(`${index}`)), (level, place, hash) => nodes.set(`${level}/${place}`, hash))
  roots.push(frontierRoot(frontier))
}
const noteOf = (size: number) => signCheckpoint({ origin: log.name, size, root: roots[size] ?? assert.fail() }, [log])
const request = (old: number, size: number) =>
  writeAddCheckpoint({
    old,
    proof: consistencyProof((level, index) => nodes.get(`${level}/${index}`) ?? assert.fail(), old, size),
    note: noteOf(size),
  })

interface Running {
  readonly url: string
  readonly vkey: string
  readonly child: ChildProcess
  readonly err: () => string
  add(body: string): Promise<{ readonly status: number; readonly type: string | null; readonly body: string }>
}

function start(state: string, keys: readonly string[] = [logVkey]): Promise<Running | { readonly failed: string }> {
  const main = join(import.meta.dirname, '..', '..', 'src', 'main', 'remit.ts')
  const words = ['witness', '--state', state, '--port', '0', '--json', ...keys.flatMap((key) => ['--origin-key', key])]
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, ...words], { stdio: ['ignore', 'pipe', 'pipe'] })
  let [out, err] = ['', '']
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()))
  return new Promise((resolve) => {
    child.once('exit', () => resolve({ failed: `${out}${err}` }))
    child.stdout.on('data', (chunk: Buffer) => {
      out += chunk.toString()
      if (!out.includes('\n') || !out.includes('"vkey"')) return
      const { url, vkey }: { url: string; vkey: string } = JSON.parse(out)
      resolve({
        url,
        vkey,
        child,
        err: () => err,
        async add(body) {
          const answer = await fetch(`${url}/add-checkpoint`, { method: 'POST', body })
          return { status: answer.status, type: answer.headers.get('content-type'), body: await answer.text() }
        },
      })
    })
  })
}

async function running(context: TestContext, state: string): Promise<Running> {
  const started = await start(state)
  if ('failed' in started) assert.fail(started.failed)
  context.after(() => end(started, 'SIGKILL'))
  return started
}

async function end({ child }: Running, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const gone = new Promise((resolve) => child.once('exit', resolve))
  child.kill(signal)
  await gone
}

test('it answers as the specification says, and its word can be checked with the key it printed', async (context) => {
  const witness = await running(context, join(folder, 'answers'))
  const key = mustBe(parseVkey(witness.vkey))
  assert.equal(key.kind, 'cosigns')
  const first = await witness.add(request(0, 5))
  assert.equal(first.status, 200)
  const cosigned = mustBe(addSignature(noteOf(5), first.body, key))
  assert.equal(mustBe(openCheckpoint(cosigned, log.name, [logKey, key])).keys.length, 2)
  assert.deepEqual(await witness.add(request(0, 9)), { status: 409, type: 'text/x.tlog.size', body: '5\n' })
  assert.equal((await witness.add(request(5, 9))).status, 200)
  assert.equal((await witness.add(request(5, 9).replace(/\n[A-Za-z0-9+/=]{44}\n/, '\n'))).status, 409)
  assert.equal((await witness.add(request(9, 12).replace(/\n[A-Za-z0-9+/=]{44}\n/, '\n'))).status, 422)
  assert.equal((await witness.add(request(9, 12).replaceAll('log.example', 'other.example'))).status, 404)
  assert.equal((await witness.add(request(9, 12).replace(/(— \S+ \S{6})../, '$1AA'))).status, 403)
  assert.equal((await witness.add('hello')).status, 400)
  assert.equal((await witness.add('x'.repeat(70_000))).status, 413)
  assert.equal((await fetch(`${witness.url}/other`)).status, 404)
  assert.match(witness.err(), /was not proved to follow/)
})

test('killed again and again at any moment, it never forgets a head that it cosigned', async (context) => {
  const state = join(folder, 'killed')
  let cosigned = 0
  let vkey = ''
  // More rounds only where a machine is so slow that it always died before its first word.
  for (let round = 0; round < 6 || (cosigned === 0 && round < 100); round += 1) {
    const witness = await running(context, state)
    vkey ||= witness.vkey
    assert.equal(witness.vkey, vkey)
    // What it has is what it cosigned last, or what it had just written when it was killed and nobody heard of.
    const told = await witness.add(request(cosigned, cosigned))
    if (told.status === 409) {
      assert.ok(Number(told.body) > cosigned, `it has ${told.body} and cosigned ${cosigned}`)
      cosigned = Number(told.body)
    } else if (cosigned > 0) {
      assert.equal(told.status, 200, told.body)
    }
    const dies = setTimeout(() => void witness.child.kill('SIGKILL'), 20 + 17 * round)
    try {
      for (let size = cosigned + 1; size <= most; size += 1) {
        const answer = await witness.add(request(cosigned, size))
        assert.equal(answer.status, 200, answer.body)
        cosigned = size
      }
    } catch (thrown) {
      if (thrown instanceof assert.AssertionError) throw thrown
    } finally {
      clearTimeout(dies)
    }
    await end(witness, 'SIGKILL')
  }
  assert.ok(cosigned > 0)
})

test('two processes do not share a state', async (context) => {
  const state = join(folder, 'shared')
  await running(context, state)
  const second = await start(state)
  assert.match('failed' in second ? second.failed : 'it started', /another process has this data folder or database open/)
})

test('what it cannot remember it does not cosign', async (context) => {
  const state = join(folder, 'full')
  const witness = await running(context, state)
  assert.equal((await witness.add(request(0, 5))).status, 200)
  // No file may grow, and none be made: the journal of the state cannot be written then.
  assert.ok(await limitFiles(witness), 'prlimit, of util-linux, is there')
  const answer = await witness.add(request(5, 9))
  assert.equal(answer.status, 503)
  assert.match(witness.err(), /nothing is cosigned/)
})

/** As a full disk: the process may write no file any more (RLIMIT_FSIZE of 0, its signal being ignored by Node). */
function limitFiles({ child }: Running): Promise<boolean> {
  return new Promise((resolve) => {
    const limiting = spawn('prlimit', ['--pid', String(child.pid), '--fsize=0:0'], { stdio: 'ignore' })
    limiting.once('error', () => resolve(false))
    limiting.once('exit', (code) => resolve(code === 0))
  })
}

test('it does not start without a log, with a key that is none, or with a key that others may read', async () => {
  const none = await start(join(folder, 'none'), [])
  assert.match('failed' in none ? none.failed : 'it started', /no log is named/)
  const bad = await start(join(folder, 'bad'), ['log.example+00000000+AAAA'])
  assert.match('failed' in bad ? bad.failed : 'it started', /a key is name\+hash\+base64/)
  const good = await start(join(folder, 'open'))
  if ('failed' in good) assert.fail(good.failed)
  await end(good, 'SIGTERM')
  assert.equal(good.child.exitCode, 0)
  const asLog = await start(join(folder, 'open'), [good.vkey])
  assert.match('failed' in asLog ? asLog.failed : 'it started', /is the key of a witness/)
  chmodSync(join(folder, 'open', 'witness.pem'), 0o644)
  const open = await start(join(folder, 'open'))
  assert.match('failed' in open ? open.failed : 'it started', /may be read by others/)
})
