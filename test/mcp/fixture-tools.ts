/** The tools that MCP's own conformance suite wants of a server: each answers in one way that a protocol can. */
import {
  type CallToolResult,
  CLIENT_CAPABILITIES_META_KEY,
  type ClientCapabilities,
  type ElicitRequestFormParams,
  fromJsonSchema,
  inputRequired,
  type InputRequiredResult,
  inputResponse,
  type McpServer,
  type ServerContext,
  type ServerNotifier,
} from '@modelcontextprotocol/server'

export const pixel = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg=='
const silence = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAEAfAAABAAgAZGF0YQAAAAA='

/** What the client says of itself with each request of 2026-07-28. */
export function capabilitiesOf({ mcpReq }: ServerContext): ClientCapabilities {
  return (mcpReq.envelope as Partial<Record<string, ClientCapabilities>> | undefined)?.[CLIENT_CAPABILITIES_META_KEY] ?? {}
}

export function text(said: string): CallToolResult {
  return { content: [{ type: 'text', text: said }] }
}

/** Between two notifications: a client that reads them in one piece has not shown that it reads a stream. */
async function pause(): Promise<void> {
  await new Promise((resolve) => {
    setTimeout(resolve, 20)
  })
}

const still: Readonly<Record<string, CallToolResult>> = {
  test_simple_text: text('This is a simple text response for testing.'),
  test_image_content: { content: [{ type: 'image', data: pixel, mimeType: 'image/png' }] },
  test_audio_content: { content: [{ type: 'audio', data: silence, mimeType: 'audio/wav' }] },
  test_embedded_resource: {
    content: [
      {
        type: 'resource',
        resource: { uri: 'test://embedded-resource', mimeType: 'text/plain', text: 'This is an embedded resource content.' },
      },
    ],
  },
  test_multiple_content_types: {
    content: [
      { type: 'text', text: 'Multiple content types test:' },
      { type: 'image', data: pixel, mimeType: 'image/png' },
      {
        type: 'resource',
        resource: { uri: 'test://mixed-content-resource', mimeType: 'application/json', text: '{"test":"data","value":123}' },
      },
    ],
  },
}

/** In the new era only for those who asked for it with the call. */
async function log({ mcpReq }: ServerContext): Promise<CallToolResult> {
  const isModern = mcpReq.envelope !== undefined
  const wants = (mcpReq.envelope as Partial<Record<string, unknown>> | undefined)?.['io.modelcontextprotocol/logLevel'] !== undefined
  for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
    if (!isModern || wants) await mcpReq.notify({ method: 'notifications/message', params: { level: 'info', data } })
    await pause()
  }
  return text('Tool with logging executed successfully')
}

async function progress(context: ServerContext): Promise<CallToolResult> {
  const progressToken = context.mcpReq._meta?.progressToken
  for (const done of [0, 50, 100]) {
    if (progressToken !== undefined)
      await context.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: done, total: 100 } })
    await pause()
  }
  return text('Tool with progress executed successfully')
}

/** Tools without arguments. */
export function addTools(server: McpServer, notify: ServerNotifier): void {
  for (const [name, result] of Object.entries(still)) server.registerTool(name, { description: `Answers ${name}.` }, () => result)
  server.registerTool('test_error_handling', { description: 'Always fails.' }, () => {
    throw new Error('This tool intentionally returns an error for testing')
  })
  server.registerTool('test_tool_with_logging', { description: 'Logs three times.' }, log)
  server.registerTool('test_logging_tool', { description: 'Logs to those who asked for it.' }, log)
  server.registerTool('test_tool_with_progress', { description: 'Tells how far it is.' }, progress)
  server.registerTool('test_streaming_elicitation', { description: 'Streams, and asks nothing of its own.' }, progress)
  server.registerTool('test_trigger_tool_change', { description: 'Says that tools changed.' }, () => {
    notify.toolsChanged()
    return text('Told.')
  })
  server.registerTool('test_trigger_prompt_change', { description: 'Says that prompts changed.' }, () => {
    notify.promptsChanged()
    return text('Told.')
  })
}

type Properties = ElicitRequestFormParams['requestedSchema']['properties']

function wants<T>(member: string) {
  return fromJsonSchema<T>({
    type: 'object',
    properties: { [member]: { type: 'string' } },
    required: [member],
    additionalProperties: false,
  })
}

const defaults: Properties = {
  name: { type: 'string', description: 'User name', default: 'John Doe' },
  age: { type: 'integer', description: 'User age', default: 30 },
  score: { type: 'number', description: 'User score', default: 95.5 },
  status: { type: 'string', description: 'User status', enum: ['active', 'inactive', 'pending'], default: 'active' },
  verified: { type: 'boolean', description: 'Verification status', default: true },
}

const titled = [1, 2, 3].map((n) => ({ const: `value${n}`, title: `Option ${n}` }))
const options = ['option1', 'option2', 'option3']
const enums: Properties = {
  untitledSingle: { type: 'string', enum: options },
  titledSingle: { type: 'string', oneOf: titled },
  legacyEnum: { type: 'string', enum: ['opt1', 'opt2', 'opt3'], enumNames: ['Option One', 'Option Two', 'Option Three'] },
  untitledMulti: { type: 'array', items: { type: 'string', enum: options } },
  titledMulti: { type: 'array', items: { anyOf: titled } },
}

/** The SDK asks over the stream of the call, as servers did before 2026-07-28, and calls again with the answer. */
function elicit({ mcpReq }: ServerContext, message: string, properties: Properties): CallToolResult | InputRequiredResult {
  const said = inputResponse(mcpReq.inputResponses, 'form')
  if (said.kind === 'elicit') return text(`Elicitation completed: action=${said.action}, content=${JSON.stringify(said.content ?? {})}`)
  return inputRequired({ inputRequests: { form: inputRequired.elicit({ message, requestedSchema: { type: 'object', properties } }) } })
}

/** Hangs up on its caller, and answers whoever comes back for it. */
export function addReconnection(server: McpServer): void {
  server.registerTool('test_reconnection', { description: 'Ends the stream of its call before it answers.' }, async ({ http }) => {
    http?.closeSSE?.()
    await pause()
    return text('Whoever reads this came back for it.')
  })
}

/** Tools that ask the client in the middle of a call, as servers did before 2026-07-28. */
export function addAskingTools(server: McpServer): void {
  const prompt = wants<{ prompt: string }>('prompt')
  server.registerTool('test_sampling', { description: 'Asks the model of its client.', inputSchema: prompt }, (args, { mcpReq }) => {
    const said = inputResponse(mcpReq.inputResponses, 'model')
    if (said.kind === 'sampling') return text(`LLM response: ${JSON.stringify(said.result.content)}`)
    const messages = [{ role: 'user' as const, content: { type: 'text' as const, text: args.prompt } }]
    return inputRequired({ inputRequests: { model: inputRequired.createMessage({ messages, maxTokens: 100 }) } })
  })
  const message = wants<{ message: string }>('message')
  server.registerTool('test_elicitation', { description: 'Asks the user of its client.', inputSchema: message }, (args, context) =>
    elicit(context, args.message, { username: { type: 'string' }, email: { type: 'string' } }),
  )
  server.registerTool('test_elicitation_sep1034_defaults', { description: 'Asks with defaults.' }, (context) =>
    elicit(context, 'Please review and update the form fields with defaults', defaults),
  )
  server.registerTool('test_elicitation_sep1330_enums', { description: 'Asks to choose.' }, (context) =>
    elicit(context, 'Please select options from the enum fields', enums),
  )
}
