import assert from 'node:assert/strict'
import { it } from 'node:test'
import { execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Secret } from '../kernel/secret.ts'
import { ErrorLines } from './child-error-lines.ts'
import { ownUser } from './child-user.ts'
import { startChild } from './child-processes.ts'

function linesOf(pieces: readonly string[], secrets: readonly string[]): string[] {
  const lines: string[] = []
  const reader = new ErrorLines(
    secrets.map((each) => new Secret(each)),
    (line) => lines.push(line),
  )
  for (const each of pieces) reader.push(Buffer.from(each))
  reader.end()
  return lines
}

const secret = 'p4ss/w=rd"x'
for (const { says, pieces, want } of [
  { says: 'lines in pieces', pieces: ['on', 'e\ntw', 'o'], want: ['one', 'two'] },
  { says: 'a secret in pieces', pieces: ['pw p4ss', '/w=rd"x!\n'], want: ['pw [secret]!'] },
  { says: 'a secret as JSON', pieces: [JSON.stringify({ pw: secret })], want: ['{"pw":"[secret]"}'] },
  { says: 'a secret in an address', pieces: [`?pw=${encodeURIComponent(secret)}`], want: ['?pw=[secret]'] },
  { says: 'a secret in base64', pieces: [`Basic ${Buffer.from(secret).toString('base64')}`], want: ['Basic [secret]'] },
  { says: 'a secret at the cut', pieces: [`${'x'.repeat(1_995)}${secret}`], want: [`${'x'.repeat(1_995)}[secr`] },
  { says: 'control characters', pieces: ['a\u001b[2Jb\u009bc\u202ed\te'], want: ['a\ufffd[2Jb\ufffdc\ufffdd e'] },
])
  it(`stderr: ${says}`, () => assert.deepEqual(linesOf(pieces, [secret]), want))

it('stderr: a flood is cut, and told', () => {
  const lines = linesOf([`${'x\n'.repeat(10_000)}`], [])
  assert.equal(lines.length <= 102, true)
  assert.match(lines.at(-1) ?? '', /lines left out\)$/)
})

it('a value over several lines is blotted out line by line', () => {
  assert.deepEqual(linesOf(['BEGIN KEY\nabcdefgh\nEND KEY\n'], ['BEGIN KEY\nabcdefgh\nEND KEY']), ['[secret]', '[secret]', '[secret]'])
})

it('a child is gone when the process that started it exits', async () => {
  const path = fileURLToPath(new URL('./child-processes.ts', import.meta.url))
  const script = `
    import { startChild } from ${JSON.stringify(path)}
    const user = \`\${process.getuid()}:\${process.getgid()}\`
    const quiet = { onOutput: (bytes) => { console.log(String(bytes)); process.exit(0) }, onErrorLine: () => {}, onEnd: () => {} }
    const wait = 'process.on("SIGTERM", () => {}); console.log(process.pid); setInterval(() => {}, 1e6)'
    startChild({ command: [process.execPath, '-e', wait], variables: [], user }, quiet)
  `
  const parent = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
  const printed: Buffer[] = []
  parent.stdout.on('data', (chunk: Buffer) => printed.push(chunk))
  await new Promise((then) => parent.once('close', then))
  const pid = Number(Buffer.concat(printed).toString())
  assert.equal(pid > 0, true)
  while (isAlive(pid)) await new Promise((then) => setTimeout(then, 10))
})

it('a folder that a child leaves shut stays, and ends nobody but the child', () => {
  const path = fileURLToPath(new URL('./child-processes.ts', import.meta.url))
  const shut = 'const fs = require("node:fs"); fs.mkdirSync("d"); fs.writeFileSync("d/f", ""); fs.chmodSync("d", 0)'
  const script = `
    import { chmodSync, rmSync } from 'node:fs'
    import { startChild } from ${JSON.stringify(path)}
    if (process.getuid() === 0) {
      process.setgroups([])
      process.setgid(1234)
      process.setuid(1234)
    }
    const user = \`\${process.getuid()}:\${process.getgid()}\`
    const onErrorLine = (line) => {
      const [folder] = line.split(' ')
      chmodSync(folder + '/d', 0o700)
      rmSync(folder, { recursive: true })
      console.log(line.slice(folder.length))
    }
    const hears = { onOutput: () => {}, onErrorLine, onEnd: (says) => console.log(says) }
    startChild({ command: [process.execPath, '-e', ${JSON.stringify(shut)}], variables: [], user }, hears)
  `
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(printed, ' could not be removed, and stays: EACCES\nit exited with 0\n')
})

it('a folder that stayed is gone when it can be removed and another child ends', () => {
  const path = fileURLToPath(new URL('./child-processes.ts', import.meta.url))
  const shut = 'const fs = require("node:fs"); fs.mkdirSync("d"); fs.writeFileSync("d/f", ""); fs.chmodSync("d", 0)'
  const script = `
    import { chmodSync, existsSync } from 'node:fs'
    import { startChild } from ${JSON.stringify(path)}
    if (process.getuid() === 0) {
      process.setgroups([])
      process.setgid(1234)
      process.setuid(1234)
    }
    const user = \`\${process.getuid()}:\${process.getgid()}\`
    let folder = ''
    const onErrorLine = (line) => { [folder] = line.split(' ') }
    const run = (words, onEnd) => startChild({ command: [process.execPath, '-e', words], variables: [], user }, { onOutput: () => {}, onErrorLine, onEnd })
    run(${JSON.stringify(shut)}, () => {
      run('', () => {
        const wasThere = existsSync(folder)
        chmodSync(folder + '/d', 0o700)
        run('', () => console.log(wasThere, existsSync(folder)))
      })
    })
  `
  const printed = execFileSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  assert.equal(printed, 'true false\n')
})

it('a program with words that no system takes is refused', () => {
  const started = startChild(
    { command: ['a\0b'], variables: [], user: ownUser() },
    { onOutput: () => undefined, onErrorLine: () => undefined, onEnd: () => undefined },
  )
  assert.equal(started.ok ? '' : started.refusal.code, 'upstream.unreachable')
})

function isAlive(pid: number): boolean {
  try {
    return !/\) Z/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
