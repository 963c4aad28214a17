import assert from 'node:assert/strict'
import { verify, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { chmod, mkdtemp, readdir, readFile, rename, rm, stat, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test, type TestContext } from 'node:test'
import { mustBe, type Result } from '../kernel/result.ts'
import { loadOrMakeKey, loadOrMakeSigner, makeSigner } from './key-files.ts'

async function makeFolder(t: TestContext): Promise<string> {
  const parent = await mkdtemp(join(tmpdir(), 'remit-keys-'))
  t.after(() => rm(parent, { recursive: true }))
  return join(parent, 'keys')
}

function detailOf(result: Result<unknown>): string {
  assert.equal(result.ok, false)
  assert.equal(result.refusal.code, 'configuration.invalid')
  return result.refusal.detail ?? ''
}

test('a signer is the same after a restart, signs under its label, and its file is for its owner only', async (t) => {
  const folder = await makeFolder(t)
  const first = mustBe(await loadOrMakeSigner(folder, 'ledger', 'example.org/ledger'))
  const again = mustBe(await loadOrMakeSigner(folder, 'ledger', 'example.org/ledger'))
  const message = Buffer.from('a tree head')
  assert.deepEqual(first.publicKey, again.publicKey)
  assert.equal(first.publicKey.byteLength, 32)
  assert.equal(first.name, 'example.org/ledger')
  const publicKey = createPublicKey({
    key: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(first.publicKey).toString('base64url') },
    format: 'jwk',
  })
  assert.ok(verify(null, message, publicKey, again.sign(message)))
  assert.equal((await stat(join(folder, 'ledger.pem'))).mode & 0o777, 0o600)
  assert.equal((await stat(folder)).mode & 0o777, 0o700)
  assert.deepEqual(await readdir(folder), ['ledger.pem'])
})

for (const mode of [0o640, 0o604, 0o660, 0o644, 0o611])
  test(`a key file with mode ${mode.toString(8)} is refused, with the remedy`, async (t) => {
    const folder = await makeFolder(t)
    mustBe(await loadOrMakeSigner(folder, 'ledger', 'x'))
    await chmod(join(folder, 'ledger.pem'), mode)
    assert.match(
      detailOf(await loadOrMakeSigner(folder, 'ledger', 'x')),
      new RegExp(`ledger\\.pem may be read by others \\(mode ${mode.toString(8)}\\).*chmod 600`),
    )
  })

const wrong: readonly { says: string; spoil: (folder: string) => Promise<void>; want: RegExp }[] = [
  { says: 'a folder in which others may write', spoil: (folder) => chmod(folder, 0o722), want: /others may write/ },
  {
    says: 'half a file',
    spoil: async (folder) => writeFile(join(folder, 'ledger.pem'), (await readFile(join(folder, 'ledger.pem'), 'utf8')).slice(0, 60)),
    want: /does not hold/,
  },
  {
    says: 'a key of another kind',
    spoil: (folder) => writeFile(join(folder, 'ledger.pem'), pem(generateKeyPairSync('x25519').privateKey)),
    want: /does not hold an Ed25519/,
  },
  { says: 'an empty file', spoil: (folder) => writeFile(join(folder, 'ledger.pem'), ''), want: /does not hold/ },
  { says: 'a huge file', spoil: (folder) => writeFile(join(folder, 'ledger.pem'), 'x'.repeat(5_000)), want: /too large/ },
  {
    says: 'a link',
    spoil: async (folder) => {
      await rename(join(folder, 'ledger.pem'), join(folder, 'elsewhere.pem'))
      await symlink(join(folder, 'elsewhere.pem'), join(folder, 'ledger.pem'))
    },
    want: /is a link/,
  },
]
for (const { says, spoil, want } of wrong)
  test(`refused: ${says}`, async (t) => {
    const folder = await makeFolder(t)
    mustBe(await loadOrMakeKey(folder, 'ledger'))
    await spoil(folder)
    const refused = detailOf(await loadOrMakeKey(folder, 'ledger'))
    assert.match(refused, want)
    assert.ok(!refused.includes('PRIVATE KEY'))
  })

test('names that would leave the folder, and keys that cannot sign so, are bugs', async (t) => {
  const folder = await makeFolder(t)
  await assert.rejects(loadOrMakeKey(folder, '../ledger'))
  assert.throws(() => makeSigner(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey, 'x'))
})

function pem(key: KeyObject): string {
  return key.export({ format: 'pem', type: 'pkcs8' })
}
