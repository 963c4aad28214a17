/** What the bank, the mail and the tickets of the replays have in common: tools over a small state, and a list of what was done with it. */
import { fromJsonSchema, McpServer, type ServerNotifier } from '@modelcontextprotocol/server'
import { type ServerAtWork, serveMcp } from './fixture-server.ts'

export type Given = Readonly<Record<string, unknown>>

/** One tool: what it takes, by JSON type, and what it answers. `changes`: what it did, for the list. */
export interface ToolOfHouse {
  readonly says: string
  readonly takes: Readonly<Record<string, 'string' | 'integer' | 'texts'>>
  /** Members of `takes` that may be left out. */
  readonly perhaps?: readonly string[]
  readonly changes?: boolean
  answer(given: Given): string
}

/** Something that happened at a server, as the server saw it. */
export interface Deed {
  readonly tool: string
  readonly given: Given
}

export interface HouseServer extends ServerAtWork {
  readonly deeds: Deed[]
}

/** Everything else that a call carries is refused by the schema of its tool, as a careful server does. */
export async function serveHouse(name: string, tools: Readonly<Record<string, ToolOfHouse>>): Promise<HouseServer> {
  const deeds: Deed[] = []
  const build = (_notify: ServerNotifier) => {
    const server = new McpServer({ name, version: '1.0.0' }, { capabilities: { tools: {} } })
    for (const [tool, { says, takes, perhaps = [], changes = false, answer }] of Object.entries(tools))
      server.registerTool(tool, { description: says, inputSchema: schemaOf(takes, perhaps) }, (given) => {
        const said = answer(given)
        if (changes) deeds.push({ tool, given })
        return { content: [{ type: 'text', text: said }] }
      })
    return server
  }
  return { ...(await serveMcp(build)), deeds }
}

function schemaOf(takes: ToolOfHouse['takes'], perhaps: readonly string[]) {
  const text = { type: 'string' }
  const properties = Object.entries(takes).map(([name, type]) => [name, type === 'texts' ? { type: 'array', items: text } : { type }])
  const required = Object.keys(takes).filter((name) => !perhaps.includes(name))
  return fromJsonSchema<Given>({ type: 'object', properties: Object.fromEntries(properties), required, additionalProperties: false })
}
