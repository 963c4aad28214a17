import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Result } from '../kernel/result.ts'
import { startChild } from './child-processes.ts'
import { childUser, ownUser } from './child-user.ts'

const isRoot = process.getuid?.() === 0
const asRoot = { skip: isRoot ? false : 'only root can run a command as somebody else' }

function said(answer: Result<unknown>): unknown {
  return answer.ok ? answer.value : (answer.refusal.detail ?? answer.refusal.code)
}

describe('as whom a command runs', () => {
  it('is our own user where that is named', () => {
    const { username, uid, gid } = userInfo()
    for (const wanted of [username, String(uid), `${uid}:${gid}`, ownUser()]) assert.equal(said(childUser(wanted)), undefined)
  })

  it('is nobody who is not there', () => {
    for (const wanted of ['no-such-user', '4242424', '4294967295:4294967295', '2147483648:1', 'root:x'])
      assert.equal(said(childUser(wanted)), `there is no user ${wanted} on the gateway's machine`)
  })

  it('is never root by silence', asRoot, () => {
    assert.match(String(said(childUser(undefined))), /does not say which user/)
    assert.deepEqual(said(childUser('nobody')), said(childUser('65534')))
    assert.deepEqual(said(childUser('1234:5678')), { uid: 1234, gid: 5678 })
  })

  it('is nobody else for a gateway that is not root', asRoot, () => {
    const path = fileURLToPath(new URL('./child-user.ts', import.meta.url))
    const script = `
      import { childUser, ownUser } from ${JSON.stringify(path)}
      process.setgroups([]); process.setgid(1234); process.setuid(1234)
      const said = (answer) => answer.ok ? answer.value ?? 'its own' : answer.refusal.detail
      console.log(JSON.stringify([undefined, ownUser(), 'root', '1234:0', '0:1234', 'nobody'].map((wanted) => said(childUser(wanted)))))
    `
    const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
    const no = (user: string) => `the gateway is not root, and cannot run it as ${user}`
    assert.deepEqual(JSON.parse(printed), ['its own', 'its own', no('root'), no('1234:0'), no('0:1234'), no('nobody')])
  })
})

describe('a child of another user', () => {
  const look = `
    const fs = require('node:fs')
    const tried = (does) => { try { does(); return 'done' } catch (thrown) { return thrown.code } }
    console.log(JSON.stringify({
      uid: process.getuid(), gid: process.getgid(), groups: process.getgroups(), home: process.env.HOME, cwd: process.cwd(),
      reads: tried(() => fs.readFileSync(process.argv[1])), becomes: tried(() => process.setuid(0)),
      writes: tried(() => fs.writeFileSync('own.txt', 'x')), kills: tried(() => process.kill(process.ppid, 0)),
    }))
    setInterval(() => {}, 1e6)
  `

  it('has its rights, its folder and nothing of ours, and ends like any other', asRoot, async (test) => {
    const place = mkdtempSync(join(tmpdir(), 'remit-child-user-'))
    test.after(() => rmSync(place, { recursive: true }))
    const secret = join(place, 'secret')
    writeFileSync(secret, 'ours', { mode: 0o600 })
    const { promise, resolve } = Promise.withResolvers<string>()
    const started = startChild(
      { command: [process.execPath, '-e', look, secret], variables: [], user: 'nobody' },
      { onOutput: (bytes) => resolve(Buffer.from(bytes).toString()), onErrorLine: resolve, onEnd: resolve },
    )
    assert.ok(started.ok)
    const { uid, gid, groups, home, cwd, ...could } = JSON.parse(await promise) as Record<string, unknown>
    assert.deepEqual({ uid, gid }, said(childUser('nobody')))
    assert.deepEqual(groups, [gid])
    assert.equal(home, cwd)
    assert.deepEqual(could, { reads: 'EACCES', becomes: 'EPERM', writes: 'done', kills: 'EPERM' })
    await started.value.end()
    assert.equal(existsSync(String(cwd)), false)
    assert.throws(() => process.kill(started.value.pid ?? 0, 0), { code: 'ESRCH' })
  })

  it('is not started as root unless its service says so', asRoot, () => {
    const command = [process.execPath, '-e', '']
    const quiet = { onOutput: () => undefined, onErrorLine: () => undefined, onEnd: () => undefined }
    assert.match(String(said(startChild({ command, variables: [] }, quiet))), /does not say which user/)
  })
})
