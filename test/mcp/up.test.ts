/** `remit up` as a process: it says where MCP services are, and what stands there knows its callers and where they come by a token. */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('../../src/main/remit.ts', import.meta.url))

const document = `version: 1
services:
  - name: ops
    protocol: mcp
    upstream: http://127.0.0.1:9/mcp
    environment: prod
    tools: [{ name: look, effect: read }]
  - name: files
    protocol: mcp
    command: [node, server.js]
    environment: prod
    tools: [{ name: read, effect: read }]
  - name: all
    protocol: mcp
    joins: [ops, files]
    environment: prod
`

test('every MCP service has a port and an endpoint, and a caller without a token is told where to get one', async (context) => {
  const root = mkdtempSync(join(tmpdir(), 'remit-mcp-'))
  const file = join(root, 'remit.yaml')
  writeFileSync(file, document)
  const child = spawn(process.execPath, [program, 'up', '--port', '0', '--json', '--data', join(root, 'data'), '-f', file])
  context.after(async () => {
    child.kill('SIGTERM')
    if (child.exitCode === null) await once(child, 'close')
    rmSync(root, { recursive: true, maxRetries: 5 })
  })
  const said = await new Promise<string>((resolve, reject) => {
    let text = ''
    child.stdout.on('data', (chunk: Buffer) => {
      text += chunk.toString()
      if (text.includes('\n')) resolve(text)
    })
    child.on('close', () => reject(new Error(`it did not start: ${text}`)))
  })
  const ready = JSON.parse(said) as { readonly gateways: readonly { readonly service: string; readonly url: string }[] }
  assert.deepEqual(ready.gateways.map(({ service }) => service).toSorted(), ['all', 'files', 'ops'])
  for (const { url } of ready.gateways) {
    assert.match(url, /^http:\/\/127\.0\.0\.1:\d+\/mcp$/)
    const answer = await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: '{"jsonrpc":"2.0","id":1,"method":"ping"}',
    })
    assert.equal(answer.status, 401)
    const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(answer.headers.get('www-authenticate') ?? '') ?? []
    const told = (await (await fetch(metadata)).json()) as { readonly resource: string }
    assert.equal(told.resource, url)
  }
})
