/** Disks that are full, or read-only: real ones, each mounted for one process alone, filled and emptied while it works. */
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { test } from 'node:test'
import { until } from '../contract/two-nodes.ts'
import { RemitRefusal } from '../../src/sdk/remit-refusal.ts'
import { ChaosHouse, knock, type Running } from './chaos-house.ts'

/** Runs what follows in a mount namespace of its own, in which `folder` is a small disk with what it held before. */
function onSmallDisk(folder: string, kilobytes: number, options = ''): readonly string[] {
  const script = `set -e; cp -a "$1" "$1.copy"; mount -t tmpfs -o size=${kilobytes}k,mode=0700 tmpfs "$1"; cp -a "$1.copy/." "$1/"; rm -r "$1.copy"; ${options} shift; exec "$@"`
  return [...namespace(), 'sh', '-c', script, 'sh', folder]
}

/** Fails where the system allows none: then nothing here has been tried. */
function namespace(): readonly string[] {
  const words = process.getuid?.() === 0 ? ['unshare', '--mount'] : ['unshare', '--mount', '--map-root-user']
  try {
    execFileSync(words[0] ?? '', [...words.slice(1), 'sh', '-c', 'mount -t tmpfs tmpfs /mnt'], { stdio: 'pipe' })
  } catch (cause) {
    throw new Error('no small disk can be mounted here: the test needs root, or user namespaces that anybody may make', { cause })
  }
  return words
}

/** As the process sees the path. */
const seenBy = (running: Running, path: string) => `/proc/${running.process.child.pid}/root${path}`

/** Writes until nothing more fits. Answers how to make room again. */
async function fill(running: Running, folder: string): Promise<() => Promise<void>> {
  const path = join(seenBy(running, folder), 'filling')
  await writeFile(path, '')
  for (const bytes of [65_536, 4_096, 256, 1]) {
    for (;;) {
      const isFull = await writeFile(path, Buffer.alloc(bytes), { flag: 'a' }).then(
        () => false,
        (thrown: NodeJS.ErrnoException) => thrown.code === 'ENOSPC',
      )
      if (isFull) break
    }
  }
  return () => rm(path)
}

async function working(running: Running): Promise<{ readonly id: string; readonly token: string }> {
  const client = running.as('writer')
  const { id } = await client.requestGrant({ task: 'work', statement: 'on a small disk', scope: ['shop/put', 'shop/look'] })
  await client.activate(id)
  const { access_token: token } = await client.sessionToken(id)
  assert.equal((await knock(running.gateway, token, 'PUT /items/before')).status, 200)
  return { id, token }
}

test('a journal whose disk is full: nothing is forwarded, the operator is told, and a start goes on from what was written', async (context) => {
  const house = await ChaosHouse.make()
  context.after(() => house.remove())
  await (await house.found()).process.stop()
  const folder = join(house.data, 'journal', 'http')
  const running = await house.start({ through: onSmallDisk(folder, 512) })
  context.after(() => running.process.kill())
  const { id, token } = await working(running)
  await running.as('ben').whoami()
  await fill(running, folder)
  const heard = house.shop.received.length
  // What still fits into the last block may go through; after it nothing does, not even what would need no record before it is forwarded.
  let count = 0
  for (;;) {
    const { status, code } = await knock(running.gateway, token, `PUT /items/full-${(count += 1)}`)
    if (status === 200) continue
    assert.equal(code, 'action.not-recorded')
    break
  }
  assert.ok(count < 20)
  for (const target of ['PUT /items/no', 'GET /look/no'])
    assert.equal((await knock(running.gateway, token, target)).code, 'action.not-recorded')
  assert.equal(house.shop.received.length, heard + count - 1)
  // What it says and what it answers come by different ways.
  await until('the operator is told', () =>
    /the journal stopped recording, and the gateway refuses everything; mend its disk, then start Remit again/.test(running.process.stderr),
  )
  // Changes are kept elsewhere and go on: what is live can be stopped.
  assert.equal((await running.as('ben').revoke(id, 'the disk is full')).grant.state, 'ended')
})

test('a store whose disk is full: changes are refused whole, and go on by themselves once there is room', async (context) => {
  const house = await ChaosHouse.make()
  context.after(() => house.remove())
  await (await house.found()).process.stop()
  const folder = join(house.data, 'store')
  const running = await house.start({ through: onSmallDisk(folder, 16_384) })
  context.after(() => running.process.kill())
  const { id } = await working(running)
  const client = running.as('reader')
  const grants = async () => (await running.as('ben').grants({ max: 200 })).grants.length
  // Tokens are bound to where they are used first, and that is kept: it happens while there is room.
  await Promise.all([client.whoami(), grants()])
  const makeRoom = await fill(running, folder)
  let refused: unknown
  let asked = await grants()
  for (let time = 0; time < 50 && refused === undefined; time += 1)
    await client.requestGrant({ task: 'work', statement: 'w'.repeat(400), scope: ['shop/put'] }).then(
      () => void (asked += 1),
      (thrown: unknown) => void (refused = thrown),
    )
  assert.ok(refused instanceof RemitRefusal, String(refused))
  assert.equal(refused.code, 'store.unavailable')
  assert.equal(await grants(), asked, 'nothing is half kept')
  await assert.rejects(running.as('ben').revoke(id, 'while it is full'), RemitRefusal)
  await makeRoom()
  await client.requestGrant({ task: 'work', statement: 'there is room', scope: ['shop/put'] })
  assert.equal((await running.as('ben').revoke(id, 'there is room')).grant.state, 'ended')
  assert.ok(await verifies(house, running))
})

async function verifies(house: ChaosHouse, running: Running): Promise<boolean> {
  const { verifyExport } = await import('../../src/ledger/verify.ts')
  const report = await verifyExport(running.as('ben').exportLedger(), [house.vkey])
  assert.deepEqual(report.failures, [])
  return report.ok
}

test('a data folder that cannot be written is said at the start, with what to do', async (context) => {
  const house = await ChaosHouse.make()
  context.after(() => house.remove())
  await (await house.found()).process.stop()
  const child = house.spawn({ through: onSmallDisk(house.data, 65_536, 'mount -o remount,ro "$1";') })
  await assert.rejects(child.ready())
  const said = child.stdout + child.stderr
  assert.match(said, /the store cannot be written.*readonly.*remit\.sqlite.*an operator must look at disk and database/)
  assert.doesNotMatch(said, /\n\s+at /, 'a sentence, not a stack')
  // One that was never there, below a folder that is read-only.
  const below = join(house.root, 'below')
  await mkdir(below)
  const fresh = house.spawn({ through: onSmallDisk(below, 64, 'mount -o remount,ro "$1";'), words: ['--data', join(below, 'data')] })
  await assert.rejects(fresh.ready())
  assert.match(fresh.stdout + fresh.stderr, /the data folder .* cannot be made: EROFS.*name one with --data/)
})
