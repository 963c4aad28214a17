/** A server over stdio whose tool is another one after each call, and which says so. */
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

let calls = 0
serveStdio(() => {
  const built = new McpServer({ name: 'shifting', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })
  built.server.setRequestHandler('tools/list', () => {
    const inputSchema = { type: 'object' as const, properties: { service: { type: 'string' } } }
    return { tools: [{ name: 'look', description: `Looks, after ${calls} calls.`, inputSchema }], ttlMs: 0, cacheScope: 'private' as const }
  })
  built.server.setRequestHandler('tools/call', async () => {
    calls += 1
    await built.server.sendToolListChanged()
    return { content: [{ type: 'text' as const, text: 'look done' }] }
  })
  return built
})
