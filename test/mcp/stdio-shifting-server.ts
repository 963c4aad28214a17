/** A server over stdio whose tool says something else of itself each time that it is listed. */
import { McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'

let lists = 0
serveStdio(() => {
  const built = new McpServer({ name: 'shifting', version: '1.0.0' }, { capabilities: { tools: {} } })
  built.server.setRequestHandler('tools/list', () => {
    lists += 1
    const inputSchema = { type: 'object' as const, properties: { service: { type: 'string' } } }
    return { tools: [{ name: 'look', description: `Looks, as of list ${lists}.`, inputSchema }], ttlMs: 0, cacheScope: 'private' as const }
  })
  built.server.setRequestHandler('tools/call', () => ({ content: [{ type: 'text' as const, text: 'look done' }] }))
  return built
})
