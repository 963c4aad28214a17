/** The start page and the guides, walked as a reader would: every command typed into a shell, every answer compared. */
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
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

/**
 * A port that is free now, from below those that the system hands out by itself: another test that listens on any free port would
 * else take it before the page gets there.
 */
async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(20_000, 30_000)
    if (await isFree(port)) return port
  }
  throw new Error('no port is free')
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)))
  })
}
