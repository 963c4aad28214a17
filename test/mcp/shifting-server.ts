/** An MCP server of both eras whose tool is whatever a test says at the moment, and which may say so, keep silent or fail. */
import type { TestContext } from 'node:test'
import { McpServer } from '@modelcontextprotocol/server'
import { serveMcp } from './fixture-server.ts'

export interface ToolSaid {
  readonly name: string
  readonly title?: string
  readonly description?: string
  readonly inputSchema: object
  readonly annotations?: object
}

export interface ShiftingServer {
  readonly url: string
  tools: readonly ToolSaid[]
  /** What it does when it is asked for its list. */
  list: 'says' | 'fails' | 'is silent'
  readonly lists: { count: number }
  readonly calls: string[]
}

export const look: ToolSaid = {
  name: 'look',
  description: 'Looks at a service.',
  inputSchema: { type: 'object', properties: { service: { type: 'string' } }, required: ['service'] },
}
export const restart: ToolSaid = { ...look, name: 'restart', description: 'Restarts a service.' }

export async function startShifting(test: Pick<TestContext, 'after'>): Promise<ShiftingServer> {
  const lists = { count: 0 }
  const calls: string[] = []
  const silent = Promise.withResolvers<never>()
  silent.promise.catch(() => undefined)
  const served = await serveMcp(() => {
    const built = new McpServer({ name: 'shifting', version: '1.0.0' }, { capabilities: { tools: { listChanged: true } } })
    built.server.setRequestHandler('tools/list', async () => {
      lists.count += 1
      if (shifting.list === 'fails') throw new Error('no list today')
      if (shifting.list === 'is silent') await silent.promise
      return { tools: shifting.tools as never, ttlMs: 0, cacheScope: 'private' as const }
    })
    built.server.setRequestHandler('tools/call', ({ params }) => {
      calls.push(params.name)
      return { content: [{ type: 'text' as const, text: `${params.name} done` }] }
    })
    return built
  })
  test.after(async () => {
    silent.reject(new Error('the test is over'))
    await served.close()
  })
  const shifting: ShiftingServer = { url: served.url, tools: [look, restart], list: 'says', lists, calls }
  return shifting
}
