/** `remit declare`: asks an MCP server what it has, and makes of it the service that an administrator begins from. */
import type { DeclareOptions, DeclareReport } from '../cli/house.ts'
import { askServer } from '../gateways/mcp/ask-server.ts'
import { declare, type Declaration } from '../gateways/mcp/declaring.ts'
import { defaultFrontLimits } from '../gateways/mcp/front-limits.ts'
import type { McpServer } from '../gateways/mcp/ports.ts'
import { stdioServer } from '../gateways/mcp/stdio-server.ts'
import { HttpMcpServer } from '../gateways/mcp/upstream-http.ts'
import { makeChance } from '../host/chance.ts'
import { startChild } from '../host/child-processes.ts'
import { ownUser } from '../host/child-user.ts'
import { makeClock } from '../host/clock.ts'
import { describeRefusal } from '../kernel/refusals.ts'
import { done } from '../kernel/result.ts'

/** A package may have to be fetched before its server says its first word. */
const withinMs = 120_000
const elementsMax = 5_000
const bytesMax = 41_943_040

/** Throws a sentence for a person where the server cannot be asked. */
export async function declareServer(options: DeclareOptions): Promise<DeclareReport> {
  const clock = makeClock({ floor: 0 })
  const server = open(options, clock)
  // Its timers keep no process alive, and a child of which nobody waits for anything does not either.
  const alive = setInterval(() => undefined, 60_000)
  try {
    const limits = { ...defaultFrontLimits, messageBytesMax: defaultFrontLimits.listBytesMax }
    const said = await askServer({ server, clock, limits, elementsMax, bytesMax, within: withinMs })
    if (!said.ok) throw new Error(`the server cannot be asked: ${describeRefusal(said.refusal)}`)
    const { tools, resources, prompts, leftOut } = declare(said.value)
    return { revision: said.value.revision, tools: lines(tools), resources: lines(resources), prompts: lines(prompts), leftOut }
  } finally {
    clearInterval(alive)
    await server.close()
  }
}

function open({ name, at, bearer, onLine }: DeclareOptions, clock: ReturnType<typeof makeClock>): McpServer {
  if ('command' in at) {
    const { command, variables } = at
    const tell = (facts: object) => void ('line' in facts && onLine(String(facts.line)))
    const log = { info: tell, warn: tell, error: tell }
    return stdioServer({
      service: name,
      program: { command, variables, user: ownUser() },
      start: startChild,
      clock,
      chance: makeChance(),
      log,
    })
  }
  const url = new URL(at.url)
  const credential = () => done(bearer === undefined ? undefined : (['Authorization', `Bearer ${bearer}`] as const))
  const limits = { ...defaultFrontLimits, answerMs: withinMs }
  return new HttpMcpServer({ service: name, origin: url.origin, endpoint: url.pathname, clock, limits, credential })
}

function lines(declarations: readonly Declaration[]): DeclareReport['tools'] {
  return declarations.map(({ line, notes }) => ({ line, notes }))
}
