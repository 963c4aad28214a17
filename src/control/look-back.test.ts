import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { TestClock } from '../../test/world/clock.ts'
import { memoryJournalDisk } from '../../test/world/journal-disk.ts'
import { writeOutcome } from '../ledger/action-lines.ts'
import type { JournalDisk } from './journal-reading.ts'
import { type FoundLine, linesBack, type Looked, outcomeAfter } from './look-back.ts'
import { Slices } from './slices.ts'

const mark = Buffer.from('"resource":"bank/pay"')
const slices = () => new Slices(new TestClock())

/** A line of so many bytes more than it needs. */
function line(n: number, { is = 'bank/pay', more = 0 } = {}): string {
  return `{"arguments":{"x":"${'x'.repeat(more)}"},"at":${1_000 + n},"decision":"dec_${n}","n":${n},"resource":"${is}","type":"decision"}`
}

async function diskOf(segments: readonly (readonly string[])[], torn = ''): Promise<JournalDisk> {
  const disk = memoryJournalDisk()
  let first = 1
  for (const lines of segments) {
    await disk.create(first)
    await disk.append(first, Buffer.from(lines.map((each) => `${each}\n`).join('')))
    first += lines.length
  }
  const last = (await disk.list()).at(-1)
  if (last !== undefined) await disk.append(last.first, Buffer.from(torn))
  return disk
}

async function all(disk: JournalDisk, more: { readonly bytesMax?: number; readonly since?: number } = {}) {
  const found: FoundLine[] = []
  const looking = linesBack(disk, { mark, since: 0, bytesMax: Number.MAX_SAFE_INTEGER, slices: slices(), ...more })
  let next = await looking.next()
  for (; next.done !== true; next = await looking.next()) found.push(next.value)
  const looked: Looked = next.value
  return { found, looked }
}

test('whatever the lengths of lines and segments, each line with the mark is found once, the newest first, and nothing else', async () => {
  const anyLine = fc.record({
    is: fc.constantFrom('bank/pay', 'bank/payments', 'mail/send'),
    // Around and beyond what is read at a time.
    more: fc.oneof({ weight: 8, arbitrary: fc.nat(300) }, { weight: 1, arbitrary: fc.integer({ min: 250_000, max: 800_000 }) }),
  })
  await fc.assert(
    fc.asyncProperty(fc.array(fc.array(anyLine, { minLength: 1, maxLength: 8 }), { maxLength: 3 }), fc.nat(40), async (shape, cut) => {
      let n = 0
      const segments = shape.map((lines) => lines.map((about) => line((n += 1), about)))
      const disk = await diskOf(segments, line(n + 1).slice(0, cut))
      const { found, looked } = await all(disk)
      assert.deepEqual(
        found.map(({ entry }) => entry['n']),
        segments
          .flatMap((lines) => lines.flatMap((text) => (text.includes('"bank/pay"') ? [Number(/"n":(\d+)/.exec(text)?.[1])] : [])))
          .toReversed(),
      )
      for (const { segment, end, entry } of found) {
        const before = Buffer.from(await disk.read(segment, 0, end)).toString()
        assert.ok(
          before.endsWith(`"n":${Number(entry['n'])},"resource":"bank/pay","type":"decision"}\n`),
          'it says where what follows begins',
        )
      }
      assert.deepEqual([looked.from, looked.cut], [n === 0 ? undefined : 1_001, undefined])
    }),
    { numRuns: 60 },
  )
})

test('among 100,000 lines as much is read as is asked for, however many there are', async (t) => {
  const bytesMax = 8_388_608
  const readOf = async (count: number) => {
    const lines = Array.from({ length: count }, (_, place) =>
      line(place + 1, { is: place % 50 === 0 ? 'bank/pay' : 'mail/send', more: 500 }),
    )
    const disk = await diskOf([lines.slice(0, count / 2), lines.slice(count / 2)])
    let bytes = 0
    const counting: JournalDisk = {
      ...disk,
      read: async (first, from, most) => {
        const read = await disk.read(first, from, most)
        bytes += read.byteLength
        return read
      },
    }
    const used = process.threadCpuUsage()
    const { found, looked } = await all(counting, { bytesMax })
    const { user, system } = process.threadCpuUsage(used)
    t.diagnostic(`${count} lines: ${found.length} found in ${bytes} bytes, ${(user + system) / 1_000} ms of a core`)
    assert.equal(looked.cut, 'limit')
    assert.deepEqual(
      found.map(({ entry }) => entry['n']),
      lines.flatMap((_, place) => (place % 50 === 0 && 1_001 + place >= (looked.from ?? 0) ? [place + 1] : [])).toReversed(),
    )
    return { bytes, found: found.length }
  }
  const [few, many] = [await readOf(30_000), await readOf(100_000)]
  assert.ok(few.bytes <= bytesMax + 262_144, `${few.bytes} bytes`)
  assert.ok(Math.abs(many.bytes - few.bytes) <= 262_144)
  assert.ok(Math.abs(many.found - few.found) <= 10)
})

test('what became of a decision is told from a line that only mentions it', async () => {
  const outcome = writeOutcome(4, {
    at: 2_000,
    bodySha256: undefined,
    decision: 'dec_1',
    frameSha256: undefined,
    milliseconds: 1,
    reason: undefined,
    requestBytes: 0,
    responseBytes: 0,
    result: 'answered',
    says: undefined,
    status: 200,
  })
  const mentions = '{"arguments":{"decision":"dec_1"},"at":1999,"decision":"dec_3","n":3,"result":"failed","type":"outcome"}'
  const disk = await diskOf([
    [line(1), line(2, { more: 300_000 })],
    [mentions, outcome],
  ])
  const [, first] = (await all(disk)).found
  assert.ok(first !== undefined)
  const after = (bytesMax: number) => outcomeAfter(disk, first, { bytesMax, slices: slices() })
  assert.equal((await after(1_000_000))?.['result'], 'answered')
  assert.equal(await after(200_000), undefined, 'no further than is asked for')
})
