/** MCP's own conformance suite against Remit as an authorization server, with a person who says yes where it opens a page. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import test, { after, before } from 'node:test'
import { root } from '../../tools/files.ts'
import { OauthHouse, resource } from '../api/oauth-clients.ts'
import { freePort } from '../world/own-address.ts'

let house: OauthHouse
before(async () => {
  house = await OauthHouse.open()
})
after(() => house.close())

interface Check {
  readonly id: string
  readonly status: string
  readonly errorMessage?: string
}

test('the suite finds its metadata, and comes from its page to a token', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-conformance-'))
  const port = await freePort()
  const program = join(root, 'node_modules', '@modelcontextprotocol', 'conformance', 'dist', 'index.js')
  const options = ['--url', house.api.origin, '--client-id', house.client, '--resource', resource, '-p', `${port}`, '-o', folder]
  const suite = spawn(process.execPath, [program, 'authorization', ...options], { stdio: ['ignore', 'pipe', 'inherit'] })
  const ended = new Promise<void>((resolve) => suite.once('close', () => resolve()))
  try {
    const said: string[] = []
    for await (const line of createInterface({ input: suite.stdout })) {
      said.push(line)
      const page = `${house.api.origin}/oauth/authorize?`
      if (!line.startsWith(page)) continue
      const query = Object.fromEntries(new URLSearchParams(line.slice(page.length).trim()))
      // As the person's browser would go on.
      await (await fetch(await house.ana.allow({ verifier: '', query }))).text()
    }
    await ended
    const found = globSync('**/checks.json', { cwd: folder }).map((path): readonly [string, readonly Check[]] => [
      dirname(path).replace(/-\d{4}-\d{2}-\d{2}T.*$/, ''),
      JSON.parse(readFileSync(join(folder, path), 'utf8')) as readonly Check[],
    ])
    const checks = found.flatMap(([scenario, each]) => each.map(({ id, status, errorMessage }) => ({ scenario, id, status, errorMessage })))
    assert.deepEqual(
      checks.filter(({ status }) => status !== 'SUCCESS'),
      [],
      said.join('\n'),
    )
    assert.deepEqual(
      checks.map(({ id }) => id).toSorted((a, b) => a.localeCompare(b)),
      ['authorization-code-grant', 'authorization-server-metadata', 'authorization-server-metadata-cimd'],
    )
  } finally {
    suite.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  }
})
