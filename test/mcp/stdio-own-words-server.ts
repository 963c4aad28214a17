/** A server over stdio that says of its tool which process it is: what one child says is not what another says. */
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { z } from 'zod'

const server = new McpServer({ name: 'own-words', version: '1.0.0' })
const definition = { description: `Looks, as process ${process.pid}.`, inputSchema: { service: z.string() } }
server.registerTool('look', definition, () => ({ content: [{ type: 'text', text: `seen by ${process.pid}` }] }))
await server.connect(new StdioServerTransport())
