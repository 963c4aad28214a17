/** One bit of one file of a data folder, the other way round: found and named at the start, by the verifier, or where it is used. */
import assert from 'node:assert/strict'
import { cp, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { exportLedger, soundLeaves } from '../../src/control/export-ledger.ts'
import { sweep } from '../../src/control/sweep.ts'
import { openHashFiles } from '../../src/host/hash-files.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { verifyExport } from '../../src/ledger/verify.ts'
import { act, ask, atWork, hour, refused } from '../world/deeds.ts'
import { partsOnDisk } from '../world/on-disk.ts'
import { shopDocument } from '../world/shop.ts'
import { openWorldOf, reopenWorld, type World } from '../world/world.ts'

const root = await mkdtemp(join(tmpdir(), 'remit-bits-'))
const sound = join(root, 'sound')
after(() => rm(root, { recursive: true }))

type Flip = (data: string) => Promise<void> | void

/** The bit `bit` of the byte that `where` finds. */
function inFile(path: string, where: (bytes: Buffer) => number, bit = 1): Flip {
  return async (data) => {
    const bytes = await readFile(join(data, path))
    const at = where(bytes)
    assert.ok(at >= 0 && at < bytes.byteLength, `there is such a byte in ${path}`)
    bytes[at] = (bytes[at] ?? 0) ^ bit
    await writeFile(join(data, path), bytes)
  }
}

/** The lowest bit of a byte of a column of one row, past the rules of the database. */
function inStore(table: string, column: string, row: string, where: (text: string) => number = () => 20): Flip {
  return (data) => {
    const database = new DatabaseSync(join(data, 'store', 'remit.sqlite'))
    try {
      for (const { name } of database.prepare(`select name from sqlite_schema where type = 'trigger' and tbl_name = ?`).all(table))
        database.exec(`drop trigger "${String(name)}"`)
      const found = database.prepare(`select rowid as place, ${column} as it from ${table} where ${row}`).get()
      assert.ok(found !== undefined, `${table} has such a row`)
      const isText = typeof found['it'] === 'string'
      const bytes = Buffer.from(found['it'] as string | Uint8Array)
      const at = where(bytes.toString('latin1'))
      bytes[at] = (bytes[at] ?? 0) ^ 1
      const changed = database
        .prepare(`update ${table} set ${column} = ? where rowid = ?`)
        .run(isText ? bytes.toString('latin1') : bytes, found['place'] ?? 0)
      assert.equal(changed.changes, 1)
    } finally {
      database.close()
    }
  }
}

const half = (bytes: Buffer) => Math.floor(bytes.byteLength / 2)
const journal = join('journal', 'http', '0000000000000001.jsonl')
/** In the base64 of a PEM file, where each character counts; 1 turns most of the letters into others. */
const inKey = (name: string) => inFile(join('keys', name), (bytes) => bytes.indexOf('\n') + 40)

interface Row {
  readonly says: string
  readonly flip: Flip
  /** What the refused start says. */
  readonly start?: RegExp
  /** What the verifier of the export says. */
  readonly verifier?: RegExp
  /** What the operator is told while it starts. */
  readonly alarm?: RegExp
  readonly besides?: (world: World) => Promise<void> | void
}

/** The first place from there on whose letter is one of base64 with its lowest bit flipped too: else the line could not be read at all. */
function stillBase64(bytes: Buffer, from: number): number {
  for (let at = from; ; at += 1) if (/[A-Za-z0-9+/]/.test(String.fromCharCode((bytes[at] ?? 0) ^ 1))) return at
}

const rows: readonly Row[] = [
  {
    says: 'a line of the journal',
    flip: inFile(journal, (bytes) => bytes.indexOf('put-telemetry')),
    start: /lines \d+ to \d+ are not those that line \d+ seals/,
  },
  {
    says: 'the signature of the last seal',
    flip: inFile(journal, (bytes) => stillBase64(bytes, bytes.lastIndexOf('"sig":"') + 20)),
    start: /the seal in line \d+ is not signed by the key of/,
  },
  {
    says: 'the key of the ledger',
    flip: inKey('ledger.pem'),
    start: /the ledger key in the data folder is not the one|ledger\.pem does not hold/,
  },
  {
    says: 'the key of the gateway',
    flip: inKey('gateway-http.pem'),
    start: /the journal of remit.local\/main\/http in the data folder: lines \d+ to \d+ are not those|gateway-http\.pem does not hold/,
  },
  { says: 'the master key', flip: inFile(join('keys', 'master.key'), half), start: /master-key\.(wrong|unavailable)/ },
  {
    says: 'a leaf',
    flip: inStore('leaves', 'leaf', 'place = 5'),
    verifier: /leaf 5: the body is not the one the leaf commits to/,
  },
  {
    says: 'the body of a leaf',
    // The instant, of which each digit could be another.
    flip: inStore('leaves', 'body', 'place = 5', (text) => text.indexOf('"at":1') + 12),
    verifier: /leaf 5: the body is not the one the leaf commits to/,
    besides: (world) => entriesAreRefused(world, 5),
  },
  {
    says: 'the body of a leaf, so that it cannot be read',
    flip: inStore('leaves', 'body', 'place = 5', () => 0),
    verifier: /the body of leaf 5 is missing and no entry says that it was erased/,
    besides: (world) => entriesAreRefused(world, 5),
  },
  { says: 'the salt of a leaf', flip: inStore('leaves', 'salt', 'place = 5', () => 3), verifier: /leaf 5: the body is not the one/ },
  {
    says: 'the frontier of the tree',
    flip: inStore('tree', 'frontier', '1 = 1', () => 5),
    start: /the stored tree is not the one that its checkpoint signs/,
  },
  {
    says: 'the newest head',
    flip: inStore('tree', 'checkpoint', '1 = 1', (note) => note.indexOf('\n') + 8),
    start: /the stored tree is not|ledger.unverified|ledger.malformed/,
  },
  {
    says: 'a head of before',
    flip: inStore('checkpoints', 'note', 'place = 1', (note) => note.length - 20),
    verifier: /checkpoint/,
  },
  {
    says: 'a hash of a tile',
    flip: async (data) =>
      inFile(join('tiles', (await readdir(join(data, 'tiles'))).filter((name) => !name.includes('origin'))[0] ?? ''), () => 3)(data),
    alarm: /hash 0 of level 1 .*was changed in .*tiles; the tiles were made again from the leaves/,
  },
  {
    says: 'a sealed credential',
    flip: (data) => {
      const database = new DatabaseSync(join(data, 'store', 'remit.sqlite'))
      const { doc = '' } = database.prepare(`select doc from services where id = 'shop'`).get() ?? {}
      const at = /"sealed":"[^"]{60}/.exec(String(doc))
      assert.ok(at !== null)
      const text = String(doc)
      const place = at.index + at[0].length
      const other = text[place] === 'A' ? 'B' : 'A'
      database.prepare(`update services set doc = ? where id = 'shop'`).run(`${text.slice(0, place)}${other}${text.slice(place + 1)}`)
      database.close()
    },
    start: /the credential of main\/shop does not open/,
  },
]

/** Whoever looks at entries over the API has nothing to check them with. */
async function entriesAreRefused(world: World, index: number): Promise<void> {
  const read = await soundLeaves(world.house.database, 0, 20)
  refused(read, 'ledger.damaged')
  assert.match(read.ok ? '' : (read.refusal.detail ?? ''), new RegExp(`the body of entry ${index} `))
  mustBe(await soundLeaves(world.house.database, index + 1, 20))
}

async function verify(world: World): Promise<string> {
  const { journal: own, sequencer, database } = world.house
  await own.flush()
  await sequencer.flush()
  const journals = [{ name: own.name, vkey: own.vkey, read: () => own.read() }]
  const [origin = ''] = sequencer.vkey.split('+')
  const report = await verifyExport(exportLedger({ store: database, space: 'main', origin, vkeys: [sequencer.vkey], journals }), [
    sequencer.vkey,
  ])
  return report.failures.map(({ where, what }) => `${where}: ${what}`).join('\n')
}

describe('a flipped bit in', () => {
  let saved: string
  before(async () => {
    const parts = await partsOnDisk(sound)
    const world = await openWorldOf({ ...parts, shelf: await openHashFiles(join(sound, 'tiles')) }, shopDocument())
    const grant = await atWork(world, 'meter', ['shop/put-telemetry'], { duration: hour })
    for (let time = 0; time < 5; time += 1) await act(world, 'meter', grant, 'put-telemetry')
    // More than a tile of leaves, so that something stands above them.
    for (let time = 0; time < 140; time += 1) {
      await ask(world, 'meter', ['shop/put-telemetry'])
      if (time % 40 === 39) await world.house.sequencer.flush()
      world.clock.advance(hour * 2)
      if (time % 40 === 39) await sweep(world.desk, world.house.gate.activity)
    }
    await world.house.sequencer.flush()
    saved = world.save()
    await world.close()
  })

  for (const [place, { says, flip, start, verifier, alarm, besides }] of rows.entries())
    test(says, async () => {
      const data = join(root, `flipped-${place}`)
      await cp(sound, data, { recursive: true })
      await flip(data)
      const alarms: string[] = []
      const begin = async () => {
        // Where chance made letters of a key that are none any more, this is refused already.
        const parts = await partsOnDisk(data)
        const shelf = await openHashFiles(join(data, 'tiles'))
        return reopenWorld({ ...parts, shelf, alarm: (what, cause) => void alarms.push(`${what} ${String(cause)}`) }, saved)
      }
      const opened = await begin().then(
        (world) => ({ world }),
        (thrown: unknown) => ({ refused: thrown instanceof Error ? thrown.message : String(thrown) }),
      )
      if (start !== undefined) {
        assert.ok('refused' in opened, 'it started')
        assert.match(opened.refused, start)
        return
      }
      assert.ok('world' in opened, 'refused' in opened ? opened.refused : '')
      const { world } = opened
      try {
        if (alarm !== undefined) assert.match(alarms.join('\n'), alarm)
        const found = await verify(world)
        if (verifier === undefined) assert.equal(found, '')
        else assert.match(found, verifier)
        await besides?.(world)
      } finally {
        await world.close()
      }
    })
})
