import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Secret } from '../kernel/secret.ts'
import { type LogLevel, makeLog } from './logs.ts'

function makeListener(level: LogLevel) {
  const lines: string[] = []
  return { lines, log: makeLog({ level, to: { write: (line: string) => void lines.push(line) } }) }
}

const hidden = 'hunter2'
const facts: readonly { says: string; facts: Readonly<Record<string, unknown>> }[] = [
  { says: 'a Secret', facts: { value: new Secret(hidden) } },
  { says: 'a Secret deep within', facts: { a: { b: [{ c: { d: new Secret(hidden) } }] } } },
  { says: 'a Secret on an error', facts: { error: Object.assign(new Error('no'), { key: new Secret(hidden) }) } },
  { says: 'a Secret in words', facts: { words: `with ${String(new Secret(hidden))}` } },
  { says: 'a header', facts: { headers: { authorization: `Bearer ${hidden}`, cookie: hidden, 'set-cookie': [hidden] } } },
  { says: 'a header of a request', facts: { request: { headers: { authorization: hidden, 'proxy-authorization': hidden } } } },
  { says: 'a field of a token request', facts: { body: { subject_token: hidden, client_secret: hidden } } },
  { says: 'a field by itself', facts: { token: hidden, password: hidden, access_token: hidden } },
]
for (const { says, facts: told } of facts)
  test(`${says} does not print`, () => {
    const { lines, log } = makeListener('debug')
    log.info('happened', told)
    log.with(told).error('happened again')
    assert.equal(lines.length, 2)
    for (const line of lines) {
      assert.ok(!line.includes(hidden), line)
      assert.ok(line.includes('[secret]'), line)
    }
  })

test('a line says what, when, how bad, and with which facts', () => {
  const { lines, log } = makeListener('info')
  log.debug('not told')
  log.with({ gateway: 'shop' }).warn('slow', { took: 12 })
  log.error('broken', { error: new RangeError('too far') })
  assert.equal(lines.length, 2)
  assert.match(lines[0] ?? '', /^\{"level":"warn","time":"\d{4}-\d\d-\d\dT[\d:.]+Z","gateway":"shop","took":12,"says":"slow"\}\n$/)
  assert.match(lines[1] ?? '', /^\{"level":"error","time":"[^"]+","error":\{"type":"RangeError","message":"too far",.*"says":"broken"\}\n$/)
})

test('it goes to stderr and is complete when the process ends at once', async () => {
  const { spawnSync } = await import('node:child_process')
  const script = `import { makeLog } from ${JSON.stringify(new URL('./logs.ts', import.meta.url).href)}
    makeLog({ level: 'info' }).error('last words'); process.exit(3)`
  const ran = spawnSync(process.execPath, ['--input-type=module', '-e', script], { timeout: 300_000, encoding: 'utf8' })
  assert.equal(ran.status, 3)
  assert.equal(ran.stdout, '')
  assert.match(ran.stderr, /^\{.*"says":"last words"\}\n$/)
})
