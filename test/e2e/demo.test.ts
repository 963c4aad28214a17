/** The demo, whole, as anybody would run it: its story must come true, and every process of it must be gone afterwards. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
}

function runDemo(): Promise<Ended> {
  const child = spawn(process.execPath, [main, '--yes', '--exit'], { stdio: ['ignore', 'pipe', 'pipe'] })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      output += text
    })
  }
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })))
}

test('the demo tells its story, and every part of it is so', async () => {
  const { code, output } = await runDemo()
  assert.equal(code, 0, output)
  assert.doesNotMatch(output, /NOT SO/)
  for (const seen of [
    'what went on without its wrapper lost its privilege within seconds',
    'checkout was restarted once, after a person had signed',
    'a second restart was refused',
    'incidents were none of its business',
    'from another one: 401',
    'its grant ended as contained',
    'every leaf, head, journal line and anchor checks',
  ]) {
    assert.match(output, new RegExp(`✔ .*${seen}`))
  }
  // The shop's secret begins with this word and a UUID: nothing that was printed may hold it.
  assert.doesNotMatch(output, /shop-[0-9a-f]{8}-/)
})
