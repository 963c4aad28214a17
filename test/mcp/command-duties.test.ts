/** Duties on what a server that the gateway started may take and answer, as official clients of both eras hear of them. */
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { clients, type CommandHouse, openCommandHouse, said } from './command-house.ts'

const rules = `
@id("operations-are-short") @duty("time<=1s")
forbid (principal is AiAgent, action == Action::"mcp:everything/trigger-long-running-operation", resource);

@id("pictures-are-small") @duty("answer<=1kB")
forbid (principal is AiAgent, action == Action::"mcp:everything/get-tiny-image", resource);
`

let opened: CommandHouse
const endings: (() => unknown)[] = []

before(async () => {
  opened = await openCommandHouse({ after: (end) => void endings.push(end as () => unknown) }, {}, rules)
})
after(async () => {
  for (const end of endings.toReversed()) await end()
})

for (const [era, connect] of Object.entries(clients))
  test(`${era}: a call that takes longer, or answers more, than a duty allows is cut and says so; the next one is served`, async (context) => {
    const { token } = await opened.house.grantFor('errand', ['read:everything', 'execute:everything'])
    const client = await connect(context, opened.house.urlOf('everything'), token)
    const began = performance.now()
    const long = { name: 'trigger-long-running-operation', arguments: { duration: 600, steps: 2 } }
    assert.match(said(await client.callTool(long)), /^action\.cut: .*a duty demands time<=1s/)
    assert.equal(performance.now() - began >= 900, true)
    assert.match(said(await client.callTool({ name: 'get-tiny-image', arguments: {} })), /^action\.cut: .*a duty demands answer<=1kB/)
    assert.equal(said(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'Echo: hi')
  })
