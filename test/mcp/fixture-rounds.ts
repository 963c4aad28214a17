/** Tools and a prompt that answer with questions first (2026-07-28, multi-round-trip requests), their state sealed. */
import {
  acceptedContent,
  type CallToolResult,
  fromJsonSchema,
  type InputRequest,
  inputRequired,
  inputResponse,
  type InputRequiredResult,
  type McpServer,
  type RequestStateCodec,
  type ServerContext,
} from '@modelcontextprotocol/server'
import { capabilitiesOf, text } from './fixture-tools.ts'

/** What a round remembers of the one before: how many were asked. */
export type RoundState = { readonly round: number }

function form(message: string, member: string, type: 'string' | 'boolean'): InputRequest {
  return inputRequired.elicit({
    message,
    requestedSchema: { type: 'object', properties: { [member]: type === 'string' ? { type } : { type } }, required: [member] },
  })
}

function sample(question: string, maxTokens: number): InputRequest {
  return inputRequired.createMessage({ messages: [{ role: 'user', content: { type: 'text', text: question } }], maxTokens })
}

const named = fromJsonSchema<{ name: string }>({ type: 'object', properties: { name: { type: 'string' } }, required: ['name'] })

function greet({ mcpReq }: ServerContext): CallToolResult | InputRequiredResult {
  const said = acceptedContent(mcpReq.inputResponses, 'user_name', named)
  return said === undefined
    ? inputRequired({ inputRequests: { user_name: form('What is your name?', 'name', 'string') } })
    : text(`Hello, ${said.name}!`)
}

function askModel({ mcpReq }: ServerContext): CallToolResult | InputRequiredResult {
  const said = inputResponse(mcpReq.inputResponses, 'capital_question')
  return said.kind === 'sampling'
    ? text(JSON.stringify(said.result.content))
    : inputRequired({ inputRequests: { capital_question: sample('What is the capital of France?', 100) } })
}

function askRoots({ mcpReq }: ServerContext): CallToolResult | InputRequiredResult {
  const said = inputResponse(mcpReq.inputResponses, 'client_roots')
  return said.kind === 'roots'
    ? text(said.roots.map(({ uri }) => uri).join(' '))
    : inputRequired({ inputRequests: { client_roots: inputRequired.listRoots() } })
}

/** Asks only what the client said that it can answer. */
function askWhatItCan(context: ServerContext): CallToolResult | InputRequiredResult {
  if (context.mcpReq.inputResponses !== undefined) return text('Thank you.')
  const can = capabilitiesOf(context)
  return inputRequired({
    inputRequests: {
      ...(can.sampling === undefined ? {} : { greeting: sample('Generate a greeting', 50) }),
      ...(can.elicitation === undefined ? {} : { user_name: form('What is your name?', 'name', 'string') }),
    },
    requestState: 'none',
  })
}

type Rounds = Readonly<Record<string, InputRequest>>
const confirm: Rounds = { confirm: form('Please confirm', 'ok', 'boolean') }
const several: Rounds = {
  user_name: form('What is your name?', 'name', 'string'),
  greeting: sample('Generate a greeting', 50),
  client_roots: inputRequired.listRoots(),
}
/** Each is asked in a round of its own, and each of its questions must be answered. */
const stateful: readonly (readonly [string, readonly Rounds[]])[] = [
  ['test_input_required_result_request_state', [confirm]],
  ['test_input_required_result_tampered_state', [confirm]],
  ['test_input_required_result_multiple_inputs', [several]],
  [
    'test_input_required_result_multi_round',
    [
      { step1: form('Step 1: What is your name?', 'name', 'string') },
      { step2: form('Step 2: What is your favorite color?', 'color', 'string') },
    ],
  ],
]

/** Adds them; `codec` is the one whose `verify` the server was given. */
export function addRounds(server: McpServer, codec: RequestStateCodec<RoundState>): void {
  const says = (name: string) => ({ description: `Asks before it answers: ${name}.` })
  server.registerTool('test_input_required_result_elicitation', says('a form'), greet)
  server.registerTool('test_input_required_result_sampling', says('a model'), askModel)
  server.registerTool('test_input_required_result_list_roots', says('roots'), askRoots)
  server.registerTool('test_input_required_result_capabilities', says('what the client can'), askWhatItCan)
  // The SDK refuses what its client cannot answer: -32021.
  server.registerTool('test_missing_capability', says('a model, always'), askModel)
  for (const [name, rounds] of stateful)
    server.registerTool(name, says(name), async ({ mcpReq }) => {
      const { round } = mcpReq.requestState<RoundState>() ?? { round: 0 }
      const asked = rounds[round - 1] ?? {}
      const isAnswered = Object.keys(asked).every((key) => inputResponse(mcpReq.inputResponses, key).kind !== 'missing')
      const next = isAnswered ? round : round - 1
      const inputRequests = rounds[next]
      if (inputRequests === undefined) return text('state-ok')
      return inputRequired({ inputRequests: { ...inputRequests }, requestState: await codec.mint({ round: next + 1 }) })
    })
  server.registerPrompt('test_input_required_result_prompt', says('a context'), ({ mcpReq }) => {
    const said = acceptedContent<{ context?: string }>(mcpReq.inputResponses, 'user_context')
    return said === undefined
      ? inputRequired({ inputRequests: { user_context: form('What context should the prompt use?', 'context', 'string') } })
      : { messages: [{ role: 'user', content: { type: 'text', text: `Context: ${String(said.context)}` } }] }
  })
}
