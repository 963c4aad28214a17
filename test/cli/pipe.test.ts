/** A reader that has read enough, as `remit … | head` is one, makes no command fail and prints no stack. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const entry = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))

test('whoever closes the pipe is no fault of the command', async () => {
  const remit = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', entry, 'up', '--help'], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  remit.stdout.destroy()
  let said = ''
  remit.stderr.setEncoding('utf8').on('data', (text: string) => {
    said += text
  })
  const [code] = await once(remit, 'close')
  assert.deepEqual([code, said], [0, ''])
})
