/** The journal's files: order, permissions, exact cuts, and that what exists is never mixed with something new. */
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import test, { type TestContext } from 'node:test'
import { type JournalFiles, openJournalFiles } from './journal-files.ts'

async function openNew(context: TestContext): Promise<{ folder: string; files: JournalFiles }> {
  const parent = await mkdtemp(join(tmpdir(), 'remit-files-'))
  const folder = join(parent, 'gateways', 'http')
  const files = await openJournalFiles(folder)
  context.after(async () => {
    await files.close()
    await rm(parent, { recursive: true })
  })
  return { folder, files }
}

test('segments are listed by the number of their first line, and nothing else is', async (context) => {
  const { folder, files } = await openNew(context)
  for (const first of [1, 9, 10, 1_000_000]) {
    await files.create(first)
    await files.append(first, Buffer.from(`${first}\n`))
  }
  await writeFile(join(folder, 'notes.txt'), 'x')
  await writeFile(join(folder, '12.jsonl'), 'x')
  assert.deepEqual(await files.list(), [
    { first: 1, bytes: 2 },
    { first: 9, bytes: 2 },
    { first: 10, bytes: 3 },
    { first: 1_000_000, bytes: 8 },
  ])
})

test('only the owner may read them', async (context) => {
  const { folder, files } = await openNew(context)
  await files.create(1)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.equal((await stat(join(folder, '0000000000000001.jsonl'))).mode & 0o777, 0o600)
})

test('a segment that is there is never made anew', async (context) => {
  const { files } = await openNew(context)
  await files.create(1)
  await files.append(1, Buffer.from('line\n'))
  await assert.rejects(files.create(1), { code: 'EEXIST' })
  assert.deepEqual(await files.list(), [{ first: 1, bytes: 5 }])
})

test('appends go to the end, also after a cut and after another segment was written', async (context) => {
  const { folder, files } = await openNew(context)
  await files.create(1)
  await files.append(1, Buffer.from('0123456789'))
  await files.truncate(1, 4)
  await files.create(5)
  await files.append(5, Buffer.from('other'))
  await files.append(1, Buffer.from('AB'))
  await files.sync(1)
  assert.equal(await readFile(join(folder, '0000000000000001.jsonl'), 'utf8'), '0123AB')
})

test('what is appended at once is in the file, behind what was before and in order with what follows', async (context) => {
  const { folder, files } = await openNew(context)
  assert.equal(files.appendNow(1, Buffer.from('nothing is open yet')), false)
  await files.create(1)
  await files.append(1, Buffer.from('AB'))
  assert.equal(files.appendNow(2, Buffer.from('another segment is open')), false)
  assert.equal(files.appendNow(1, Buffer.from('CD')), true)
  assert.equal(readFileSync(join(folder, '0000000000000001.jsonl'), 'utf8'), 'ABCD')
  await files.append(1, Buffer.from('EF'))
  assert.equal(await readFile(join(folder, '0000000000000001.jsonl'), 'utf8'), 'ABCDEF')
})

test('a part is read from its offset, short only at the end', async (context) => {
  const { files } = await openNew(context)
  await files.create(1)
  await files.append(1, Buffer.from('0123456789'))
  assert.equal(Buffer.from(await files.read(1, 2, 3)).toString(), '234')
  assert.equal(Buffer.from(await files.read(1, 8, 5)).toString(), '89')
  assert.equal((await files.read(1, 10, 5)).byteLength, 0)
})

test('what is not there cannot be read, appended to or synced', async (context) => {
  const { files } = await openNew(context)
  await assert.rejects(files.read(1, 0, 1), { code: 'ENOENT' })
  await assert.rejects(files.append(1, Buffer.from('x')), { code: 'ENOENT' })
  await assert.rejects(files.sync(1), { code: 'ENOENT' })
})
