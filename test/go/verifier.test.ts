/** A stranger with Go's own transparency log checks a running Remit and its exports: what is ours is accepted, whatever was changed is refused. */
import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { after, before } from 'node:test'
import { eraseBody } from '../../src/control/erase-body.ts'
import { exportLedger } from '../../src/control/export-ledger.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { canonicalJson } from '../../src/kernel/json.ts'
import { cosignatureLine, makeVkey } from '../../src/ledger/note.ts'
import { makeSigner } from '../../src/host/key-files.ts'
import { generateKeyPairSync } from 'node:crypto'
import { type ApiHouse, openApiHouse } from '../api/api-house.ts'
import { call } from '../api/calls.ts'
import { journalsElsewhere } from '../world/journals-elsewhere.ts'
import { log, vkeyOf } from '../world/sample-export.ts'
import { controlAudience, identifyCaller, TokenReader } from '../../src/control/identify.ts'

const folder = mkdtempSync(join(tmpdir(), 'remit-go-'))
const verifier = join(folder, 'verifier')
const old = join(folder, 'old.checkpoint')
const newest = join(folder, 'newest.checkpoint')
const forked = join(folder, 'forked.checkpoint')
let api: ApiHouse
let proxy: Server
let url: string
let vkey: string
/** What the proxy between them makes of what Remit answers. */
let change: (path: string, bytes: Buffer) => Buffer | Promise<Buffer> = (_path, bytes) => bytes

before(async () => {
  // Debian's own Go and packages: no module is fetched.
  execFileSync('go', ['build', '-o', verifier, '.'], {
    cwd: join(import.meta.dirname, 'verifier'),
    env: { ...process.env, GO111MODULE: 'off', GOPATH: '/usr/share/gocode', GOFLAGS: '', GOCACHE: join(tmpdir(), 'remit-go-cache') },
  })
  api = await openApiHouse()
  vkey = api.house.sequencer.vkey
  proxy = createServer((asked, answer) => {
    const path = asked.url ?? ''
    const outgoing = request({ host: '127.0.0.1', port: api.port, path, headers: { host: `localhost:${api.port}` } }, (incoming) => {
      const parts: Buffer[] = []
      incoming.on('data', (part: Buffer) => parts.push(part))
      incoming.on('end', () => {
        void Promise.resolve(change(path, Buffer.concat(parts))).then((bytes) => answer.writeHead(incoming.statusCode ?? 500).end(bytes))
      })
    })
    outgoing.end()
  })
  await new Promise<void>((listening) => proxy.listen(0, '127.0.0.1', listening))
  url = `http://127.0.0.1:${(proxy.address() as AddressInfo).port}/ledger`
  await grow(api, 300)
  await keepHead(api, old)
  await grow(api, 400)
  await keepHead(api, newest)
})
after(async () => {
  proxy.close()
  await api.close()
  rmSync(folder, { recursive: true, force: true })
})

async function grow({ house }: ApiHouse, count: number): Promise<void> {
  const recorded = await house.desk.store.change(async (tx) => {
    for (let place = 0; place < count; place += 1)
      await tx.record({ kind: 'person.tried', actor: 'somebody', subject: `s${place}`, facts: { place, says: 'é <b> \u2028' } })
    return done(undefined)
  })
  mustBe(recorded)
  mustBe(await house.sequencer.flush())
}

async function keepHead({ house }: ApiHouse, file: string): Promise<void> {
  writeFileSync(file, (await house.database.tree()).checkpoint)
}

interface Verdict {
  readonly code: number | null
  readonly says: string
}

function verify(...words: string[]): Promise<Verdict> {
  return new Promise((resolve, reject) => {
    const child = spawn(verifier, words, { stdio: ['ignore', 'pipe', 'pipe'] })
    let says = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (says += chunk.toString()))
    child.once('error', reject)
    child.once('close', (code) => resolve({ code, says }))
  })
}

const flip = (bytes: Buffer, at: number): Buffer => {
  const flipped = Buffer.from(bytes)
  flipped.writeUInt8(flipped.readUInt8(at) ^ 1, at)
  return flipped
}

test('it accepts the log: signature, every tile, every leaf, and that it follows an older head', async () => {
  change = (_path, bytes) => bytes
  const { size: least } = await api.house.database.tree()
  const said = await verify('log', url, vkey, old)
  assert.match(said.says, /^ok \d+ \S+\n$/)
  const size = Number(said.says.split(' ')[1])
  // The house itself may have written something meanwhile.
  assert.ok(least <= size && size <= (await api.house.database.tree()).size, said.says)
})

test('bundles of leaves come packed for whoever takes that, and as they are for everybody else', async () => {
  const ask = async (path: string, coding: string) => {
    const answer = await fetch(`http://127.0.0.1:${api.port}/ledger/tile/${path}`, { headers: { 'accept-encoding': coding } })
    const { headers } = answer
    return { packed: headers.get('content-encoding'), vary: headers.get('vary'), bytes: Buffer.from(await answer.arrayBuffer()) }
  }
  const plain = await ask('entries/000', 'identity')
  assert.deepEqual([plain.packed, plain.vary], [null, 'accept-encoding'])
  assert.equal(plain.bytes.byteLength, 256 * 35)
  // What takes it undoes it by itself.
  for (const coding of ['gzip', 'br, GZIP;q=0.5', 'identity, gzip;q=1.0'])
    assert.deepEqual(await ask('entries/000', coding), { ...plain, packed: 'gzip' }, coding)
  for (const coding of ['br', 'gzip;q=0', 'gzip;q=0.000', 'x-gzip', 'gzip;q=2'])
    assert.deepEqual(await ask('entries/000', coding), plain, coding)
  assert.equal((await ask('0/000', 'gzip')).packed, null)
})

test('tiles say that they never change, and the head that it does', async () => {
  const get = (path: string) => call(api.port, { method: 'GET', path })
  const tile = await get('/ledger/tile/0/000')
  assert.deepEqual([tile.status, tile.headers['content-type']], [200, 'application/octet-stream'])
  assert.match(String(tile.headers['cache-control']), /immutable/)
  const head = await get('/ledger/checkpoint')
  assert.deepEqual(
    [head.status, head.headers['content-type'], head.headers['cache-control']],
    [200, 'text/plain; charset=utf-8', 'public, max-age=1'],
  )
  for (const path of [
    '/ledger/tile/0/009',
    '/ledger/tile/9/000',
    '/ledger/tile/0/000.p/256',
    '/ledger/tile/0/x000/000',
    '/ledger/tile/data/000',
  ])
    assert.equal((await get(path)).status, 404, path)
})

const tampering: readonly (readonly [says: string, file: () => string, change: typeof change])[] = [
  ['a byte of a full tile', () => '', (path, bytes) => (path.endsWith('tile/0/000') ? flip(bytes, 4_711) : bytes)],
  ['a byte of a partial tile', () => '', (path, bytes) => (/tile\/0\/00\d\.p/.test(path) ? flip(bytes, 0) : bytes)],
  ['a byte of a tile of a higher level', () => '', (path, bytes) => (path.includes('tile/1/') ? flip(bytes, 33) : bytes)],
  ['a byte of a leaf', () => '', (path, bytes) => (path.endsWith('entries/001') ? flip(bytes, 40) : bytes)],
  ['the length of a leaf', () => '', (path, bytes) => (path.endsWith('entries/001') ? flip(bytes, 1) : bytes)],
  ['a bundle cut short', () => '', (path, bytes) => (path.endsWith('entries/001') ? bytes.subarray(0, -35) : bytes)],
  ['a byte of the root', () => '', (path, bytes) => (path.endsWith('checkpoint') ? flip(bytes, bytes.indexOf('\n\n') - 8) : bytes)],
  ['a byte of the signature', () => '', (path, bytes) => (path.endsWith('checkpoint') ? flip(bytes, bytes.byteLength - 10) : bytes)],
  [
    'the log cut short',
    () => newest,
    async (path, bytes) =>
      path.endsWith('checkpoint') ? Buffer.from((await api.house.database.checkpoints(1, 1_000))[0]?.note ?? '') : bytes,
  ],
]
for (const [says, file, how] of tampering)
  test(`it refuses the log: ${says}`, async () => {
    change = how
    const said = await verify('log', url, vkey, file())
    change = (_path, bytes) => bytes
    assert.equal(said.code, 1, said.says)
    assert.match(said.says, /^refused: /)
  })

test('it refuses another log under the same key, and the log under another key', async () => {
  const other = makeSigner(generateKeyPairSync('ed25519').privateKey, 'remit.test/ledger')
  assert.equal((await verify('log', url, makeVkey(other.name, other.publicKey))).code, 1)
  // A fork: as many entries, signed by the same key, and others.
  const { size } = await api.house.database.tree()
  const twin = await openApiHouse({ ledgerKey: api.ledgerKey })
  try {
    await grow(twin, size)
    await keepHead(twin, forked)
  } finally {
    await twin.close()
  }
  await grow(api, 300)
  const said = await verify('log', url, vkey, forked)
  assert.match(said.says, /refused: the log is not the one of the old checkpoint/)
})

test('it checks the word of a witness, and misses it', async () => {
  const witness = makeSigner(generateKeyPairSync('ed25519').privateKey, 'witness.example')
  const witnessKey = makeVkey(witness.name, witness.publicKey, 'cosigns')
  assert.match((await verify('log', url, vkey, '', witnessKey)).says, /the witness has not cosigned/)
  // Whatever head is served carries its word.
  change = (path, bytes) => {
    const note = bytes.toString()
    if (!path.endsWith('checkpoint')) return bytes
    return Buffer.from(`${note}${cosignatureLine(note.slice(0, note.indexOf('\n\n') + 1), witness, Math.floor(Date.now() / 1_000))}`)
  }
  assert.match((await verify('log', url, vkey, '', witnessKey)).says, /^ok/)
  const stranger = makeSigner(generateKeyPairSync('ed25519').privateKey, 'witness.example')
  assert.equal((await verify('log', url, vkey, '', makeVkey(stranger.name, stranger.publicKey, 'cosigns'))).code, 1)
  change = (_path, bytes) => bytes
})

test('it accepts an export, also once a body was erased, and refuses it changed', async () => {
  await api.register('ana')
  const caller = mustBe(
    await identifyCaller(api.house.desk, new TokenReader(api.house.desk, controlAudience('main')), await api.token('ana'), '127.0.0.1'),
  )
  mustBe(await eraseBody(api.house.desk, caller, 250, 'it should not have been written down'))
  mustBe(await api.house.journal.append({ at: Date.now(), type: 'tried' }, 'durable'))
  mustBe(await api.house.sequencer.flush())
  const { database, sequencer, ledger } = api.house
  const [origin = ''] = sequencer.vkey.split('+')
  const lines: string[] = []
  for await (const line of exportLedger({ store: database, space: 'main', origin, vkeys: ledger.vkeys, journals: [api.house.journal] }))
    lines.push(line)
  const file = join(folder, 'export.ndjson')
  const check = (changed: readonly string[]) => {
    writeFileSync(file, `${changed.join('\n')}\n`)
    return verify('export', file, vkey)
  }
  assert.match((await check(lines)).says, /^ok/)
  const place = (index: number) => lines.findIndex((line) => line.startsWith('{"leaf"') && JSON.parse(line).leaf.index === index)
  const edit = (at: number, how: (leaf: Record<string, unknown>) => void) => {
    const object = JSON.parse(lines[at] ?? '') as { leaf: Record<string, unknown> }
    how(object.leaf)
    return lines.with(at, canonicalJson(object))
  }
  const lastHead = lines.findLastIndex((line) => line.startsWith('{"checkpoint"'))
  const changed: readonly (readonly [says: string, lines: readonly string[], want: RegExp])[] = [
    ['a body', edit(place(20), (leaf) => ((leaf['body'] as Record<string, unknown>)['actor'] = 'eve')), /leaf 20: the body is not/],
    [
      'a body taken away',
      edit(place(20), (leaf) => void [delete leaf['body'], delete leaf['salt']]),
      /leaf 20 is missing and no entry says/,
    ],
    [
      'a leaf',
      edit(place(250), (leaf) => (leaf['data'] = Buffer.alloc(33, 1).toString('base64'))),
      /the checkpoint of size \d+ is not that of/,
    ],
    ['a leaf removed', lines.toSpliced(place(20), 1), /leaf 20 should stand here/],
    ['the tail', lines.slice(0, place(500)), /leaves from \d+ on are under no checkpoint/],
    ['the last head', lines.toSpliced(lastHead, 1), /under no checkpoint/],
    [
      'a head',
      lines.with(
        lastHead,
        (lines[lastHead] ?? '').replace(/(\\n\d*)(\d)(\\n)/, (_all, a, digit, c) => `${a}${(Number(digit) + 1) % 10}${c}`),
      ),
      /refused/,
    ],
    ['a line of the journal', lines.with(lines.length - 2, (lines.at(-2) ?? '').replace('tried', 'trled')), /refused/],
  ]
  for (const [says, other, want] of changed) {
    const said = await check(other)
    assert.equal(said.code, 1, says)
    assert.match(said.says, want, says)
  }
})

for (const { says, lines, want, elsewhere = [] } of journalsElsewhere)
  test(`an export without a journal: ${says}`, async () => {
    const file = join(folder, 'elsewhere.ndjson')
    writeFileSync(file, `${lines.join('\n')}\n`)
    const said = await verify('export', file, vkeyOf(log))
    assert.equal(said.code, want === undefined ? 0 : 1, said.says)
    if (want !== undefined) return assert.match(said.says, want.go)
    for (const { name, anchoredTo } of elsewhere)
      assert.ok(said.says.includes(`; ${name} to line ${anchoredTo} is vouched for, and not in this export`), said.says)
  })
