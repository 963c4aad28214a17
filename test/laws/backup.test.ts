/** Backups of a Remit that works, and what is left of them after a restore: everything that was kept, and nothing that was permitted. */
import assert from 'node:assert/strict'
import { existsSync, writeFileSync } from 'node:fs'
import { cp, mkdtemp, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { revokeGrant } from '../../src/control/end-grant.ts'
import { exchangeToken, tokenTypes } from '../../src/control/exchange-token.ts'
import { exportLedger } from '../../src/control/export-ledger.ts'
import { quarantine } from '../../src/control/quarantine.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { reveal, Secret } from '../../src/kernel/secret.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { backup } from '../../src/main/backup.ts'
import type { DatabasePlace } from '../../src/main/database.ts'
import { newEpoch, restore } from '../../src/main/restore.ts'
import type { Grant } from '../../src/model/grants.ts'
import { PostgresServer } from '../contract/postgres-server.ts'
import { act, allowed, ask, atWork, hour, refused } from '../world/deeds.ts'
import { RealClock } from '../world/clock.ts'
import { partsOnDisk } from '../world/on-disk.ts'
import { shopDocument } from '../world/shop.ts'
import { here, openWorldOf, reopenWorld, type World } from '../world/world.ts'

const root = await mkdtemp(join(tmpdir(), 'remit-backup-'))
const original = join(root, 'original')
const made = join(root, 'made')
after(() => rm(root, { recursive: true }))

async function freshFolder(name: string): Promise<string> {
  const data = join(root, name)
  await cp(join(original, 'keys'), join(data, 'keys'), { recursive: true })
  return data
}

async function verified(world: World): Promise<void> {
  const { journal, earlierJournals, sequencer, database } = world.house
  await journal.flush()
  await sequencer.flush()
  const [origin = ''] = sequencer.vkey.split('+')
  const journals = [...earlierJournals, { name: journal.name, vkey: journal.vkey, read: () => journal.read() }]
  const report = await verifyExport(exportLedger({ store: database, space: 'main', origin, vkeys: [sequencer.vkey], journals }), [
    sequencer.vkey,
  ])
  assert.deepEqual(report.failures, [])
  assert.equal(report.ok, true)
}

describe('a backup', () => {
  let world: World
  let saved: string
  let working: Grant
  let waiting: Grant
  let secret: string
  let token: string
  before(async () => {
    world = await openWorldOf(await partsOnDisk(original), shopDocument())
    working = await atWork(world, 'meter', ['shop/put-telemetry'], { duration: hour })
    waiting = mustBe(await ask(world, 'bot', ['shop/deploy,version=1'], { task: 'release' }))
    allowed(await act(world, 'meter', working, 'put-telemetry'))
    secret = await world.secretOf('meter')
    token = reveal(mustBe(await world.exchange('meter')).token)
    mustBe(await quarantine(world.desk, await world.caller('ben'), 'aide', 'odd'))
    saved = world.save()
    mustBe(await world.house.sequencer.flush())
    // Taken while changes go on.
    const busy = (async () => {
      for (let round = 0; round < 30; round += 1) await act(world, 'meter', working, 'put-telemetry')
    })()
    const report = await backup({ data: original, out: made })
    await busy
    assert.ok(report.lines > 30)
    // What happens now is in no backup.
    mustBe(await revokeGrant(world.desk, await world.caller('ben'), working.id, 'later'))
  })
  after(() => world.close())

  const restored = async (name: string, options: Partial<Parameters<typeof restore>[0]> = {}, place?: DatabasePlace): Promise<World> => {
    const data = await freshFolder(name)
    await restore({ data, from: made, keepSecrets: false, ...options })
    return reopenWorld(await partsOnDisk(data, place === undefined ? {} : { place, clock: new RealClock() }), saved)
  }

  test('holds no key, and is for its owner alone', async () => {
    const manifest = JSON.parse(await readFile(join(made, 'manifest.json'), 'utf8'))
    assert.deepEqual(
      Object.keys(manifest.files).filter((name) => !name.startsWith('journal')),
      ['store.ndjson'],
    )
    assert.equal((await stat(made)).mode & 0o077, 0)
    assert.equal((await stat(join(made, 'store.ndjson'))).mode & 0o077, 0)
  })

  test('restored, it has what was kept, and permits nothing: not what was revoked since, nor what was not', async () => {
    const again = await restored('restored')
    try {
      assert.equal(again.desk.facts.service('shop')?.space, 'main')
      assert.equal(again.desk.facts.policies?.version, world.desk.facts.policies?.version)
      for (const { id } of [working, waiting]) {
        const grant = await again.desk.store.read((tx) => tx.get('grant', id))
        assert.ok(grant?.state === 'ended' || grant?.state === 'withdrawn', `${grant?.state}`)
      }
      assert.deepEqual([...again.desk.facts.openGrants()], [])
      const proofs = [
        { subjectToken: secret, subjectTokenType: tokenTypes.secret },
        { subjectToken: token, subjectTokenType: tokenTypes.access },
      ]
      for (const proof of proofs) refused(await exchangeToken(again.desk, { ...proof, address: here }), 'credential.invalid')
      assert.notEqual(again.person('aide').quarantine, undefined)
      allowed(await act(again, 'meter', await atWork(again, 'meter', ['shop/put-telemetry']), 'put-telemetry'))
      await verified(again)
    } finally {
      await again.close()
    }
  })

  test('the ledger goes on under a name of its own, and says which head was known last', async () => {
    const data = await freshFolder('named')
    const report = await restore({ data, from: made, keepSecrets: false, reason: 'the disk died' })
    assert.match(report.lastHead, /^remit\.local\/main\/ledger\n\d+\n/)
    const again = await reopenWorld(await partsOnDisk(data), saved)
    try {
      assert.match(again.house.sequencer.vkey, /^remit\.local\/main\/ledger\/epoch-2\+/)
      await again.house.sequencer.flush()
      const bodies = (await again.house.database.leaves(report.size, 100)).map(({ body = '' }) => body)
      const [begun = ''] = bodies.filter((body) => body.includes('"epoch.begun"'))
      assert.match(begun, /"lastHead":"remit\.local\/main\/ledger.*"reason":"the disk died"/)
    } finally {
      await again.close()
    }
  })

  test('API secrets stay only where the operator says so', async () => {
    const again = await restored('secrets', { keepSecrets: true })
    try {
      mustBe(await exchangeToken(again.desk, { subjectToken: secret, subjectTokenType: tokenTypes.secret, address: here }))
    } finally {
      await again.close()
    }
  })

  test('a second epoch on the same store ends everything again, and once', async () => {
    const data = await freshFolder('twice')
    await restore({ data, from: made, keepSecrets: false })
    const first = await reopenWorld(await partsOnDisk(data), saved)
    const grant = await atWork(first, 'meter', ['shop/put-telemetry'])
    await first.restart()
    assert.equal(first.desk.facts.grant(grant.id)?.state, 'active', 'a start is no epoch')
    await first.close()
    assert.equal((await newEpoch({ data, keepSecrets: true })).epoch, 3)
    const second = await reopenWorld(await partsOnDisk(data), saved)
    try {
      assert.deepEqual([...second.desk.facts.openGrants()], [])
      await verified(second)
    } finally {
      await second.close()
    }
  })

  test('a backup that was touched, a folder that is in use, and one without its keys are refused before anything is changed', async () => {
    await assert.rejects(backup({ data: original, out: made }), /is there already/)
    const touched = join(root, 'touched')
    await cp(made, touched, { recursive: true })
    const text = await readFile(join(touched, 'store.ndjson'), 'utf8')
    await writeFile(join(touched, 'store.ndjson'), text.replace('incident-agents', 'incident-agentz'))
    const data = await freshFolder('untouched')
    await assert.rejects(restore({ data, from: touched, keepSecrets: false }), /is not as it was when the backup was made/)
    await assert.rejects(restore({ data: join(root, 'keyless'), from: made, keepSecrets: false }), /has no ledger\.pem/)
    await restore({ data, from: made, keepSecrets: false })
    await assert.rejects(restore({ data, from: made, keepSecrets: false }), /an empty one only/)
    assert.equal(existsSync(join(data, 'restoring')), false, 'a folder that was whole is left as it was: Remit starts on it')
    // As a kill leaves it between the records and the epoch.
    writeFileSync(join(data, 'restoring'), `${made}\n`)
    assert.equal((await restore({ data, from: made, keepSecrets: false })).epoch, 3, 'it is finished, not begun anew')
    assert.equal(existsSync(join(data, 'restoring')), false)
    await assert.rejects(restore({ data: original, from: made, keepSecrets: false }), /another Remit|process/)
  })

  test('the master key is held against it: a wrong one is said, and with the right one the same restore goes on', async () => {
    const data = await freshFolder('other-key')
    const key = join(data, 'keys', 'master.key')
    const right = await readFile(key, 'utf8')
    await writeFile(key, `${Buffer.alloc(32, 5).toString('base64')}\n`)
    const options = { data, from: made, keepSecrets: false }
    await assert.rejects(restore(options), /this is not the master key that this store was sealed under/)
    assert.ok(existsSync(join(data, 'restoring')), 'Remit does not start on it')
    await writeFile(key, right)
    assert.equal((await restore(options)).isKeyCompared, true)
    await (await reopenWorld(await partsOnDisk(data), saved)).close()

    const elsewhere = await freshFolder('key-elsewhere')
    await rm(join(elsewhere, 'keys', 'master.key'))
    assert.equal((await restore({ ...options, data: elsewhere })).isKeyCompared, false)
    assert.equal(existsSync(join(elsewhere, 'keys', 'master.key')), false, 'none was made')
    const named = await freshFolder('key-named')
    await rename(join(named, 'keys', 'master.key'), join(root, 'kept-elsewhere.key'))
    assert.equal((await restore({ ...options, data: named, masterKey: `file:${join(root, 'kept-elsewhere.key')}` })).isKeyCompared, true)
  })

  test('between SQLite and PostgreSQL, both ways', async () => {
    // The server's own user reads what is made for it.
    process.umask(0o022)
    const server = await PostgresServer.start()
    // The clock's own timers keep no process alive.
    const alive = setInterval(() => undefined, 60_000)
    try {
      const url = server.url(await server.empty())
      process.env['REMIT_TEST_DATABASE'] = url
      const place: DatabasePlace = { kind: 'postgres', url: new Secret(url) }
      const there = await restored('there', { database: 'env:REMIT_TEST_DATABASE' }, place)
      const grant = await atWork(there, 'meter', ['shop/put-telemetry'])
      allowed(await act(there, 'meter', grant, 'put-telemetry'))
      await verified(there)
      process.env['REMIT_TEST_DATABASE'] = url
      const out = join(root, 'from-postgres')
      await backup({ data: join(root, 'there'), database: 'env:REMIT_TEST_DATABASE', out })
      await there.close()
      const data = await freshFolder('back')
      assert.equal((await restore({ data, from: out, keepSecrets: false })).epoch, 3)
      const back = await reopenWorld(await partsOnDisk(data), saved)
      try {
        assert.equal((await back.desk.store.read((tx) => tx.get('grant', grant.id)))?.state, 'ended')
        await verified(back)
      } finally {
        await back.close()
      }
    } finally {
      clearInterval(alive)
      await server.remove()
    }
  })
})
