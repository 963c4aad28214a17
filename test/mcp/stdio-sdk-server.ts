/** A server of the official SDK over stdio, in the era in which it is spoken to; with `legacy` of the SDK before, which knows one alone. */
import { McpServer as EarlierServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { fromJsonSchema, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

if (process.argv[2] === 'legacy') {
  const server = new EarlierServer({ name: 'earlier', version: '1.0.0' })
  server.registerTool('shout', { description: 'in capitals', inputSchema: { text: z.string() } }, ({ text }) => ({
    content: [{ type: 'text', text: text.toUpperCase() }],
  }))
  await server.connect(new StdioServerTransport())
} else
  serveStdio(() => {
    const server = new McpServer({ name: 'sdk', version: '1.0.0' }, { capabilities: { tools: {} } })
    const inputSchema = fromJsonSchema<{ text: string }>({ type: 'object', properties: { text: { type: 'string' } }, required: ['text'] })
    server.registerTool('shout', { description: 'in capitals', inputSchema }, ({ text }) => ({
      content: [{ type: 'text', text: text.toUpperCase() }],
    }))
    return server
  })
