import assert from 'node:assert/strict'
import { execFile, execFileSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, afterEach, test } from 'node:test'
import { connect } from 'node:tls'
import { promisify } from 'node:util'
import { TestClock } from '../../test/world/clock.ts'
import { until } from '../../test/world/kv-server.ts'
import { describeRefusal } from '../kernel/refusals.ts'
import { mustBe, type Result } from '../kernel/result.ts'
import { makeAuthority, makeLeaf } from './certificates.ts'
import { type LocalAuthority, openLocalAuthority } from './local-authority.ts'
import { openTlsFiles } from './tls-files.ts'
import type { TlsMaterial } from './tls-material.ts'

const root = mkdtempSync(join(tmpdir(), 'remit-tls-'))
after(() => rmSync(root, { recursive: true }))
const closing: (() => unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
})
const newFolder = () => mkdtempSync(join(root, 'x-'))
const day = 86_400_000
const run = promisify(execFile)

interface Stage {
  readonly clock: TestClock
  readonly lines: string[]
  /** The wall clock, which may be set. */
  readonly wall: { now: number }
}

function stage(): Stage {
  // A minute ahead: certificates begin at whole seconds of the real clock, some of which come after this line.
  return { clock: new TestClock(), lines: [], wall: { now: Date.now() + 60_000 } }
}

const logOf = ({ lines }: Stage) => {
  const line = (says: string, facts: object = {}) => void lines.push(`${says} ${JSON.stringify(facts)}`)
  return { info: line, warn: line, error: line }
}

async function open(at: Stage, folder: string, names: readonly string[] = []): Promise<Result<LocalAuthority>> {
  const opened = await openLocalAuthority({ folder, names, clock: at.clock, log: logOf(at), wall: () => at.wall.now })
  if (opened.ok) closing.push(() => opened.value.close())
  return opened
}

const told = (result: Result<unknown>) => (result.ok ? 'taken' : `${result.refusal.code}: ${describeRefusal(result.refusal)}`)

/** A server of that material, which follows what is renewed. */
async function serve(material: TlsMaterial): Promise<number> {
  const server: Server = createServer(material.context(), (_request, response) => response.end('hello'))
  material.onRenewed((context) => server.setSecureContext(context))
  await new Promise<void>((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, resolve))
  closing.push(() => server.close())
  const address = server.address()
  return typeof address === 'object' && address !== null ? address.port : 0
}

/** When the certificate that is shown there begins to be valid. */
function shownAt(port: number): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(socket.getPeerX509Certificate()?.fingerprint256 ?? '')
      socket.destroy()
    })
    socket.on('error', reject)
  })
}

/** What curl says, which trusts nothing but the one authority. */
async function curl(port: number, ca: string, host: string): Promise<string> {
  const words = ['-sS', '--max-time', '10', '--cacert', ca, '--resolve', `${host}:${port}:127.0.0.1`, `https://${host}:${port}/`]
  return run('curl', words).then(
    ({ stdout }) => stdout,
    (error: unknown) => (error instanceof Error ? error.message : ''),
  )
}

test('a local authority is made once, for its owner alone, and curl and openssl take what it vouches for', async () => {
  const folder = newFolder()
  const first = mustBe(await open(stage(), folder, ['remit.example']))
  assert.deepEqual(readdirSync(folder).toSorted(), ['authority.crt', 'authority.pem'])
  for (const name of readdirSync(folder)) assert.equal(statSync(join(folder, name)).mode & 0o777, 0o600)
  assert.doesNotMatch(readFileSync(first.path, 'utf8'), /PRIVATE/)
  const port = await serve(first)
  for (const host of ['localhost', '127.0.0.1', 'remit.example']) assert.equal(await curl(port, first.path, host), 'hello', host)
  assert.match(await curl(port, first.path, 'other.example'), /SSL|certificate/i)
  const leaf = join(folder, 'leaf')
  writeFileSync(leaf, String(first.context().cert))
  assert.match(execFileSync('openssl', ['verify', '-x509_strict', '-CAfile', first.path, leaf], { encoding: 'utf8' }), /: OK/)
  const { validFromDate, validToDate, ca } = new X509Certificate(String(first.context().cert))
  assert.ok(validToDate.getTime() - validFromDate.getTime() <= 90 * day && !ca)
  const again = mustBe(await open(stage(), folder, ['remit.example']))
  assert.equal(again.fingerprint, first.fingerprint)
  assert.notEqual(again.context().key, first.context().key, 'a listener’s key is on no disk')
})

test('the authority cannot vouch for a name that it was not made for, whoever has its key', async () => {
  const now = Date.now()
  const span = { from: now - day, to: now + day }
  const authority = await makeAuthority({ commonName: 'x', names: ['localhost', '127.0.0.1'], ...span })
  const folder = newFolder()
  writeFileSync(join(folder, 'ca'), authority.certificate)
  const verify = async (names: readonly string[]) => {
    const leaf = await makeLeaf(authority, { commonName: 'x', names, ...span })
    writeFileSync(join(folder, 'leaf'), leaf.certificate)
    return run('openssl', ['verify', '-x509_strict', '-CAfile', join(folder, 'ca'), join(folder, 'leaf')]).then(
      () => 'taken',
      (error: unknown) => (error instanceof Error ? error.message : ''),
    )
  }
  assert.equal(await verify(['localhost']), 'taken')
  assert.match(await verify(['bank.example']), /permitted subtree violation/)
  assert.match(await verify(['127.0.0.2']), /permitted subtree violation/)
})

test('another name needs another authority, and that is said', async () => {
  const folder = newFolder()
  mustBe(await open(stage(), folder))
  assert.match(
    told(await open(stage(), folder, ['remit.example'])),
    /^tls\.unusable: .*was not made for remit\.example.*move authority\.pem away/,
  )
  const [, , ...files] = readdirSync(folder)
  assert.deepEqual(files, [])
})

const broken: readonly (readonly [says: string, change: (path: string) => void, want: RegExp])[] = [
  [
    'that is cut',
    (path) => writeFileSync(path, readFileSync(path, 'utf8').slice(0, 300), { mode: 0o600 }),
    /does not hold a certificate and its key/,
  ],
  ['with the key of another', (path) => replaceKey(path), /does not hold a certificate and its key/],
  ['that others may read', (path) => chmodSync(path, 0o644), /may be read by others/],
]
function replaceKey(path: string): void {
  const key = execFileSync('openssl', ['genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'], { encoding: 'utf8' })
  writeFileSync(path, readFileSync(path, 'utf8').replace(/-----BEGIN PRIVATE KEY-----[^]*/, key), { mode: 0o600 })
}
for (const [says, change, want] of broken)
  test(`an authority ${says} is refused, and not replaced in silence`, async () => {
    const folder = newFolder()
    const { fingerprint } = mustBe(await open(stage(), folder))
    change(join(folder, 'authority.pem'))
    assert.match(told(await open(stage(), folder)), want)
    assert.doesNotMatch(told(await open(stage(), folder)), /PRIVATE KEY/)
    assert.equal(new X509Certificate(readFileSync(join(folder, 'authority.crt'))).fingerprint256, fingerprint)
  })

test('an authority that has ended, or has not begun, is refused with its date', async () => {
  const folder = newFolder()
  const at = stage()
  mustBe(await open(at, folder))
  at.wall.now += 6 * 365 * day
  assert.match(told(await open(at, folder)), /ended on 20\d\d-/)
  at.wall.now -= 12 * 365 * day
  assert.match(told(await open(at, folder)), /is not valid before/)
})

const jumps: readonly (readonly [says: string, by: number, renewed: boolean])[] = [
  ['a day later', day, false],
  ['after two thirds of its time', 21 * day, true],
  ['when the clock jumps a year ahead', 365 * day, true],
  ['when the clock is set back an hour and a half', -1.5 * 3_600_000, true],
]
for (const [says, by, renewed] of jumps)
  test(`${says} the listener shows ${renewed ? 'a new certificate, without a restart' : 'the same one'}`, async () => {
    const at = stage()
    const folder = newFolder()
    // The authority is older than the listener's certificate. Whoever made it looks no more: it would say "renewed" too.
    mustBe(await open(at, folder)).close()
    at.wall.now += 10 * day
    const material = mustBe(await open(at, folder))
    const port = await serve(material)
    const before = await shownAt(port)
    at.wall.now += by
    at.clock.advance(60_000)
    if (!renewed) {
      // Renewing takes a moment: what is not renewed is seen only by waiting for a second look.
      at.clock.advance(60_000)
      return assert.equal(await shownAt(port), before)
    }
    await until('it was renewed', () => at.lines.some((line) => line.includes('renewed')))
    assert.notEqual(await shownAt(port), before)
    const { validFromDate, validToDate } = new X509Certificate(String(material.context().cert))
    assert.ok(validFromDate.getTime() <= at.wall.now && at.wall.now < validToDate.getTime())
  })

interface Pair {
  readonly certificate: string
  readonly key: string
}

function selfMade(folder: string, name: string, days = 30, more: readonly string[] = []): Pair {
  const pair = { certificate: join(folder, `${name}.crt`), key: join(folder, `${name}.key`) }
  const words = 'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=x -addext subjectAltName=DNS:localhost'.split(' ')
  const constraints = more.length > 0 ? more : ['-addext', 'basicConstraints=critical,CA:FALSE']
  execFileSync('openssl', [...words, ...constraints, '-days', `${days}`, '-keyout', pair.key, '-out', pair.certificate], {
    stdio: 'ignore',
  })
  chmodSync(pair.key, 0o600)
  return pair
}

async function openFiles(at: Stage, pair: Pair): Promise<Result<TlsMaterial>> {
  const opened = await openTlsFiles({ ...pair, clock: at.clock, log: logOf(at), wall: () => at.wall.now })
  if (opened.ok) closing.push(() => opened.value.close())
  return opened
}

const flaws: readonly (readonly [says: string, pairOf: (folder: string, at: Stage) => Pair, want: RegExp])[] = [
  [
    'a key of another certificate',
    (folder) => ({ ...selfMade(folder, 'a'), key: selfMade(folder, 'b').key }),
    /b\.key is not the key of the first certificate in .*a\.crt/,
  ],
  [
    'a certificate that is not there',
    (folder) => ({ ...selfMade(folder, 'a'), certificate: join(folder, 'none') }),
    /none cannot be read \(ENOENT\)/,
  ],
  ['a key that is not there', (folder) => ({ ...selfMade(folder, 'a'), key: join(folder, 'none') }), /none cannot be read \(ENOENT\)/],
  [
    'the two of them exchanged',
    (folder) => exchanged(selfMade(folder, 'a')),
    /a\.key does not begin with a certificate|may be read by everybody/,
  ],
  ['a certificate in DER', (folder) => written(folder, 'certificate', '0\u0082'), /a\.crt is not PEM/],
  ['a key with a passphrase', (folder) => encrypted(selfMade(folder, 'a')), /does not hold a private key \(PEM, without a passphrase\)/],
  ['a key that everybody may read', (folder) => opened(selfMade(folder, 'a')), /a\.key may be read by everybody: run chmod o-rwx/],
  [
    'an authority in place of a listener',
    (folder) => selfMade(folder, 'a', 30, ['-addext', 'basicConstraints=critical,CA:TRUE']),
    /certificate of an authority/,
  ],
  ['a certificate that has ended', (folder, at) => later(selfMade(folder, 'a', 1), at, 2 * day), /a\.crt ended on 20/],
  ['a certificate that has not begun', (folder, at) => later(selfMade(folder, 'a', 1), at, -2 * day), /a\.crt is not valid before 20/],
]
function exchanged({ certificate, key }: Pair): Pair {
  return { certificate: key, key: certificate }
}
function written(folder: string, which: keyof Pair, text: string): Pair {
  const pair = selfMade(folder, 'a')
  writeFileSync(pair[which], text)
  return pair
}
function encrypted(pair: Pair): Pair {
  execFileSync('openssl', ['pkcs8', '-topk8', '-in', pair.key, '-passout', 'pass:canary', '-out', `${pair.key}.enc`])
  chmodSync(`${pair.key}.enc`, 0o600)
  return { ...pair, key: `${pair.key}.enc` }
}
function opened(pair: Pair): Pair {
  chmodSync(pair.key, 0o644)
  return pair
}
function later(pair: Pair, at: Stage, by: number): Pair {
  at.wall.now += by
  return pair
}
for (const [says, pairOf, want] of flaws)
  test(`${says} is refused, with the file and why`, async () => {
    const at = stage()
    const refused = told(await openFiles(at, pairOf(newFolder(), at)))
    assert.match(refused, want)
    assert.match(refused, /^tls\.unusable/)
  })

test('files of one’s own are read again when they change; a broken pair is told, and the one before stays', async () => {
  const folder = newFolder()
  const at = stage()
  const pair = selfMade(folder, 'live')
  const next = selfMade(folder, 'next')
  const port = await serve(mustBe(await openFiles(at, pair)))
  const before = await shownAt(port)
  // First the certificate alone, as a tool that renews would leave it for a moment.
  writeFileSync(pair.certificate, readFileSync(next.certificate))
  at.clock.advance(5_000)
  assert.equal(await shownAt(port), before)
  // Asked first: a look that has just begun must not read the key while it is written.
  await until('the fault was told', () => {
    if (at.lines.some((line) => line.includes('is not the key of'))) return true
    at.clock.advance(5_000)
    return false
  })
  assert.equal(await shownAt(port), before)
  writeFileSync(pair.key, readFileSync(next.key))
  await until('the new pair is taken', () => {
    at.clock.advance(5_000)
    return at.lines.some((line) => line.includes('read anew'))
  })
  assert.equal(await shownAt(port), new X509Certificate(readFileSync(next.certificate)).fingerprint256)
  assert.equal(at.lines.filter((line) => line.includes('cannot be used')).length, 1, 'told once')
})

test('an end that comes near is told, and told once more when it has come', async () => {
  const at = stage()
  mustBe(await openFiles(at, selfMade(newFolder(), 'a', 30)))
  assert.deepEqual(at.lines, [])
  at.wall.now += 25 * day
  await until('the near end is told', () => {
    at.clock.advance(5_000)
    return at.lines.length > 0
  })
  at.wall.now += 10 * day
  await until('the end is told', () => {
    at.clock.advance(5_000)
    return at.lines.length > 1
  })
  assert.match(at.lines.join('\n'), /ends soon[^]*has ended/)
})
