/** The start page and the guides, walked as a reader would: every command typed into a shell, every answer compared. */
import assert from 'node:assert/strict'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { freePort } from '../world/own-address.ts'
import { Walk } from './walk.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
/** In the order in which one reader reads them, on one Remit. */
const pages = [
  'start.md',
  'guides/who-can-do-what.md',
  'guides/agents.md',
  'guides/authzen.md',
  'guides/exceptions.md',
  'guides/ci-jobs.md',
  'guides/stopping.md',
  'guides/operating.md',
]

test('what the pages say happens', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'remit-docs-'))
  const [api, gateway, shop] = [await freePort(), await freePort(), await freePort()]
  const walk = new Walk({
    cwd: root,
    env: { ...withoutRemit(), HOME: folder, XDG_CONFIG_HOME: join(folder, 'config') },
    here: [
      // Playing the reader who has no browser at hand, beside whoever uses the usual ports.
      ['remit up ', `remit up --demo --port ${api} `],
      ['../first', join(folder, 'first')],
      ['8717', `${api}`],
      ['8720', `${gateway}`],
      ['9000', `${shop}`],
    ],
  })
  try {
    for (const page of pages) await walk.page(page, await readFile(join(root, 'docs', page), 'utf8'))
    assert.ok(walk.steps > 20, `only ${walk.steps} commands were found`)
  } finally {
    walk.end()
    await rm(folder, { recursive: true, force: true, maxRetries: 5 })
  }
})

function withoutRemit(): Record<string, string | undefined> {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('REMIT_') && !name.startsWith('NODE_TEST')))
}
