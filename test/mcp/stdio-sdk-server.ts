/** A server of the official SDK over stdio, in the era in which it is spoken to; with `legacy` of the SDK before, which knows one alone. */
import { McpServer as EarlierServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js'
import { acceptedContent, fromJsonSchema, inputRequired, McpServer } from '@modelcontextprotocol/server'
import { serveStdio } from '@modelcontextprotocol/server/stdio'
import { z } from 'zod'

const message = 'What is your name?'
const requestedSchema = { type: 'object' as const, properties: { name: { type: 'string' as const } }, required: ['name'] }
const greeting = (name: unknown) => ({ content: [{ type: 'text' as const, text: `Hello, ${String(name)}!` }] })

if (process.argv[2] === 'legacy') {
  const server = new EarlierServer({ name: 'earlier', version: '1.0.0' })
  server.registerTool('shout', { description: 'in capitals', inputSchema: { text: z.string() } }, ({ text }) => ({
    content: [{ type: 'text', text: text.toUpperCase() }],
  }))
  // In the middle of its work, as servers did.
  server.registerTool('greet', { description: 'asks who is there' }, async () => {
    const { content } = await server.server.elicitInput({ message, requestedSchema })
    return greeting(content?.['name'])
  })
  await server.connect(new StdioServerTransport())
} else
  serveStdio(() => {
    const server = new McpServer({ name: 'sdk', version: '1.0.0' }, { capabilities: { tools: {} } })
    const inputSchema = fromJsonSchema<{ text: string }>({ type: 'object', properties: { text: { type: 'string' } }, required: ['text'] })
    server.registerTool('shout', { description: 'in capitals', inputSchema }, ({ text }) => ({
      content: [{ type: 'text', text: text.toUpperCase() }],
    }))
    // By its result, as servers of 2026-07-28 do.
    server.registerTool('greet', { description: 'asks who is there' }, ({ mcpReq }) => {
      const said = acceptedContent(mcpReq.inputResponses, 'who', fromJsonSchema<{ name: string }>(requestedSchema))
      if (said !== undefined) return greeting(said.name)
      return inputRequired({ inputRequests: { who: inputRequired.elicit({ message, requestedSchema }) } })
    })
    return server
  })
