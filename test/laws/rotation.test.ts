/** Rotation of the master key, killed at every step and at random moments: the store opens with the old key or the new one, always. */
import assert from 'node:assert/strict'
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cp, mkdtemp, open, readdir, readFile, rm, stat, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { upstreamSecret } from '../../src/control/upstream-secret.ts'
import { openJournalFiles } from '../../src/host/journal-files.ts'
import { isJsonObject, type JsonObject } from '../../src/kernel/json.ts'
import { describeRefusal } from '../../src/kernel/refusals.ts'
import { done, mustBe, type Result } from '../../src/kernel/result.ts'
import { reveal } from '../../src/kernel/secret.ts'
import { loadKeys, loadSpaceKeys, openDataFolder } from '../../src/main/data-folder.ts'
import { type House, openHouse } from '../../src/main/house.ts'
import { masterKeySource, rotateKey } from '../../src/main/rotate-key.ts'
import { seededChance } from '../world/chance.ts'
import { TestClock } from '../world/clock.ts'
import { asDocument, shopDocument } from '../world/shop.ts'
import { found, operator, propose } from '../world/configure.ts'
import { openWorldOf, testParts, type WorldParts } from '../world/world.ts'

const root = await mkdtemp(join(tmpdir(), 'remit-rotation-'))
const original = join(root, 'original')
let made = 0

/** A house on a data folder with its own keys, as `remit up` opens it. */
async function openFolder(data: string, masterKey?: string): Promise<Result<House>> {
  const parts = await partsOf(data, masterKey)
  return parts.ok ? openHouse(parts.value) : parts
}

async function partsOf(data: string, masterKey?: string): Promise<Result<WorldParts>> {
  const folder = await openDataFolder(data)
  const keys = await loadKeys(folder.keys, masterKeySource(masterKey))
  if (!keys.ok) return keys
  made += 1
  const clock = new TestClock(Date.now())
  const parts = testParts(1, folder.store, clock)
  const [room] = parts.rooms
  return done({
    ...parts,
    clock,
    chance: seededChance(made),
    keys: keys.value,
    rooms: [{ ...room, journalDisk: () => openJournalFiles(folder.journal) }],
  })
}

/** What the gateway would send to each service, or the words of the refusal at start. */
async function secretsOf(data: string, masterKey?: string): Promise<string> {
  const opened = await openFolder(data, masterKey)
  if (!opened.ok) return `${opened.refusal.code}: ${describeRefusal(opened.refusal)}`
  const { desk } = opened.value
  try {
    return [...desk.facts.services()].map((service) => reveal(mustBe(upstreamSecret(desk, service)) ?? assert.fail('no secret'))).join()
  } finally {
    await opened.value.close()
  }
}

const canary = 'upstream-secret'
const right = `Bearer ${canary}`

before(async () => {
  const house = mustBe(await openFolder(original))
  await found(house.desk, shopDocument())
  await house.close()
  assert.equal(await secretsOf(original), right)
})
after(() => rm(root, { recursive: true }))

async function copied(): Promise<string> {
  made += 1
  const data = join(root, `copy-${made}`)
  await cp(original, data, { recursive: true })
  return data
}

const keyOf = (data: string) => readFile(join(data, 'keys', 'master.key'), 'utf8')

const program = fileURLToPath(new URL('../world/rotate-and-stop.ts', import.meta.url))

/** A process that rotates, and kills itself when it has done so many steps and then one more. */
function rotating(data: string, steps: number, newMasterKey: readonly string[] = [], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [program, data, String(steps), ...newMasterKey], { env: { ...process.env, ...env }, stdio: 'ignore' })
}

async function entriesOf(data: string): Promise<readonly string[]> {
  const house = mustBe(await openFolder(data))
  await house.sequencer.flush()
  const { size } = await house.database.tree()
  const leaves = await house.database.leaves(0, size)
  await house.close()
  return leaves.flatMap(({ body }) => body ?? []).filter((body) => body.includes('"secrets.resealed"'))
}

test('a rotation seals everything anew, says so in the ledger, and the old key opens nothing any more', async () => {
  const data = await copied()
  const before = await keyOf(data)
  const { from, to, spaces } = await rotateKey({ data })
  assert.notEqual(from, to)
  assert.deepEqual(spaces, [{ space: 'main', secrets: 1, withdrawn: 0 }])
  assert.equal(await secretsOf(data), right)
  assert.deepEqual(
    (await readdir(join(data, 'keys'))).filter((name) => name.startsWith('master')),
    ['master.key'],
  )
  const [entry = '', ...more] = await entriesOf(data)
  assert.equal(more.length, 0)
  assert.match(entry, new RegExp(`"from":\\["${from}"\\],"secrets":1,"to":"${to}"`))
  assert.doesNotMatch(entry, new RegExp(canary))
  const after = await keyOf(data)
  await writeFile(join(data, 'keys', 'master.key'), before)
  assert.match(await secretsOf(data), /^master-key\.wrong/)
  await writeFile(join(data, 'keys', 'master.key'), after)
  assert.equal(await secretsOf(data), right)
})

for (let steps = 0; steps <= 4; steps += 1)
  test(`killed after ${steps} steps, the store opens, and doing it again ends it`, async () => {
    const data = await copied()
    const before = await keyOf(data)
    const [, signal] = await once(rotating(data, steps), 'exit')
    assert.equal(signal, 'SIGKILL')
    assert.equal(await secretsOf(data), right)
    await rotateKey({ data })
    assert.equal(await secretsOf(data), right)
    assert.notEqual(await keyOf(data), before)
    assert.deepEqual(
      (await readdir(join(data, 'keys'))).filter((name) => name.startsWith('master')),
      ['master.key'],
    )
  })

test('killed at random moments, again and again on one folder, the store opens', async () => {
  const data = await copied()
  const random = seededChance(7)
  let killed = 0
  for (let round = 0; round < 12; round += 1) {
    const child = rotating(data, 99)
    const ended = once(child, 'exit')
    // The program needs this long to begin; the moment is spread over what it then does.
    await pause(150 + ((random.bytes(1)[0] ?? 0) % 200))
    if (child.kill('SIGKILL')) killed += 1
    await ended
    assert.equal(await secretsOf(data), right, `round ${round}`)
  }
  assert.ok(killed > 0, 'some were killed')
  await rotateKey({ data })
  assert.equal(await secretsOf(data), right)
})

test('to a key kept elsewhere: the folder keeps none, and start without it is refused with what to do', async () => {
  const data = await copied()
  const key = Buffer.alloc(32, 9).toString('base64')
  process.env['NEW_KEY'] = key
  const report = await rotateKey({ data, newMasterKey: 'env:NEW_KEY' })
  assert.equal(report.startWith, 'env:NEW_KEY')
  assert.equal(process.env['NEW_KEY'], undefined, 'taken out of the environment')
  assert.deepEqual(
    (await readdir(join(data, 'keys'))).filter((name) => name.startsWith('master')),
    [],
  )
  assert.match(await secretsOf(data), /^master-key\.wrong: .*the data folder has no master key/)
  assert.deepEqual(
    (await readdir(join(data, 'keys'))).filter((name) => name.startsWith('master')),
    [],
    'and none was made',
  )
  process.env['NEW_KEY'] = Buffer.alloc(32, 8).toString('base64')
  assert.match(await secretsOf(data, 'env:NEW_KEY'), /^master-key\.wrong/)
  process.env['NEW_KEY'] = key
  assert.equal(await secretsOf(data, 'env:NEW_KEY'), right)
  for (const steps of [0, 1, 2, 3, 4]) {
    const again = await copied()
    await once(rotating(again, steps, ['env:NEW_KEY'], { NEW_KEY: key }), 'exit')
    process.env['NEW_KEY'] = key
    const both = [await secretsOf(again), await secretsOf(again, 'env:NEW_KEY')]
    assert.ok(both.includes(right), `killed after ${steps} steps: ${both.join(' | ')}`)
  }
})

test('a wrong key is refused and changes nothing; so is the same key, a folder in use and a folder without a store', async () => {
  const data = await copied()
  const { mtimeMs } = await stat(join(data, 'keys'))
  process.env['WRONG'] = Buffer.alloc(32, 1).toString('base64')
  await assert.rejects(rotateKey({ data, masterKey: 'env:WRONG', newMasterKey: 'file:/nowhere' }), /there is no \/nowhere/)
  process.env['WRONG'] = Buffer.alloc(32, 1).toString('base64')
  process.env['RIGHT'] = (await keyOf(data)).trim()
  await assert.rejects(
    rotateKey({ data, masterKey: 'env:WRONG', newMasterKey: 'env:RIGHT' }),
    /not the master key that this store was sealed under/,
  )
  process.env['RIGHT'] = (await keyOf(data)).trim()
  await assert.rejects(rotateKey({ data, newMasterKey: 'env:RIGHT' }), /the new key is the one in use/)
  const house = mustBe(await openFolder(data))
  await assert.rejects(rotateKey({ data }), /another process has this data folder or database open/)
  await house.close()
  await assert.rejects(rotateKey({ data: join(root, 'nowhere') }), /there is no store in/)
  assert.throws(
    () => masterKeySource('canary-key'),
    (thrown) => thrown instanceof Error && !thrown.message.includes('canary'),
  )
  assert.equal((await stat(join(data, 'keys'))).mtimeMs, mtimeMs, 'nothing was written beside the keys')
  assert.equal(await secretsOf(data), right)
})

test('a change-set that waits and carries a secret is withdrawn, and says why', async () => {
  const data = join(root, 'waiting')
  const world = await openWorldOf(mustBe(await partsOf(data)), shopDocument())
  const [service] = services(shopDocument())
  const document = asDocument({ ...shopDocument(), services: [{ ...service, credential: { bearer: 'another-secret' } }] })
  const { id, state } = await propose(world, operator, { document })
  assert.equal(state, 'proposed')
  await world.close()
  const { spaces } = await rotateKey({ data })
  assert.deepEqual(spaces, [{ space: 'main', secrets: 1, withdrawn: 1 }])
  const house = mustBe(await openFolder(data))
  const after = await house.desk.store.read((tx) => tx.get('changeSet', id))
  assert.deepEqual([after?.state, after?.ending], ['withdrawn', 'the master key was replaced: propose it again'])
  await house.close()
})

function services({ services: listed }: JsonObject): readonly JsonObject[] {
  return Array.isArray(listed) ? listed.filter((each): each is JsonObject => isJsonObject(each)) : []
}

/** A source that gives these passphrases, one for each time it is asked. */
async function passphrases(...lines: readonly string[]): Promise<{ readonly source: string; close(): Promise<void> }> {
  made += 1
  const path = join(root, `lines-${made}`)
  await writeFile(path, lines.map((line) => `${line}\n`).join(''))
  const file = await open(path)
  return { source: `passphrase:fd:${file.fd}`, close: () => file.close() }
}

test('from the file to a passphrase, and to another: stopped on the way, the new one opens it already', async () => {
  const data = await copied()
  const opensWith = async (passphrase: string) => {
    const lines = await passphrases(passphrase)
    const secrets = await secretsOf(data, lines.source)
    await lines.close()
    return secrets
  }
  const first = await passphrases('the first passphrase')
  await rotateKey({ data, newMasterKey: first.source })
  await first.close()
  const lines = await passphrases('the first passphrase', 'the second passphrase')
  const onStep = (step: string) => {
    if (step === 'sealed anew') throw new Error('stopped here')
  }
  await assert.rejects(rotateKey({ data, masterKey: lines.source, onStep }), /stopped here/)
  await lines.close()
  assert.equal(await opensWith('the second passphrase'), right)
  const both = await passphrases('the first passphrase', 'the second passphrase')
  await rotateKey({ data, masterKey: both.source })
  await both.close()
  assert.equal(await opensWith('the second passphrase'), right)
})

test('the keys of tokens: the old one is read for half a day, and then it is gone', async () => {
  const data = await copied()
  const folder = join(data, 'keys')
  const load = async () => mustBe(await loadSpaceKeys(folder, 'main'))
  const first = await load()
  assert.deepEqual((await rotateKey({ data, tokens: true })).tokens, ['main'])
  const second = await load()
  assert.ok(!second.tokens.equals(first.tokens))
  const [older, ...more] = second.olderTokens ?? []
  assert.ok(older?.key.equals(first.tokens) === true && more.length === 0)
  assert.ok(Math.abs(older.until - Date.now() - 12 * 3_600_000) < 60_000)
  const path = join(folder, 'tokens.old.pem')
  const before = (Date.now() - 12 * 3_600_000) / 1_000
  await utimes(path, before, before)
  assert.deepEqual((await load()).olderTokens, [])
  assert.ok(!(await readdir(folder)).includes('tokens.old.pem'))
  assert.ok((await load()).tokens.equals(second.tokens))
})
