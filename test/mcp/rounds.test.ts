/** What one use of a grant is, and whose an approval is, where a call is not over with its first answer. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { type Heard, openHouse, startRaw } from './gateway-house.ts'
import { tasking } from './task-calls.ts'

const given = { service: 'web' }

/** Asks something before it looks. */
function answer({ response, body }: Heard): void {
  const { id, params } = JSON.parse(body) as { readonly id: unknown; readonly params: { readonly inputResponses?: object } }
  const question = { mode: 'form', message: 'Sure?', requestedSchema: { type: 'object', properties: { yes: { type: 'boolean' } } } }
  const result =
    params.inputResponses === undefined
      ? { resultType: 'input_required', inputRequests: { sure: { method: 'elicitation/create', params: question } }, requestState: 'one' }
      : { resultType: 'complete', content: [{ type: 'text', text: 'done' }] }
  response.setHeader('content-type', 'application/json')
  response.end(JSON.stringify({ jsonrpc: '2.0', id, result }))
}

for (const { uses, wanted } of [
  { uses: 1, wanted: /^grant\.(?:uses-spent|ended)/ },
  { uses: 2, wanted: /^done$/ },
])
  test(`each round of a call is a use of its grant: with ${uses}`, async (context) => {
    const { url } = await startRaw(context, answer)
    const house = await openHouse(context, { ops: url })
    const { token } = await house.grantFor('errand', [`ops/look,uses=${uses}`])
    const ask = tasking(house.urlOf('ops'), token, { elicitation: { form: {} } })
    const first = await ask('tools/call', { name: 'look', arguments: given })
    assert.equal(first.result?.resultType, 'input_required')
    const inputResponses = { sure: { action: 'accept', content: { yes: true } } }
    const second = await ask('tools/call', { name: 'look', arguments: given, inputResponses, requestState: first.result.requestState })
    assert.match(second.result?.content?.[0]?.text ?? '', wanted)
  })

test('an approval is for the session that asked: another token of the same client asks anew', async (context) => {
  const { url } = await startRaw(context, answer)
  const house = await openHouse(context, { ops: url })
  await house.grantFor('errand', ['ops/restart'])
  const held = async (token: string) => {
    const { result } = await tasking(house.urlOf('ops'), token, {})('tools/call', { name: 'restart', arguments: given })
    return result?._meta?.['remit/refusal']?.hold ?? ''
  }
  const tokens = [await house.tokenOf('assistant'), await house.tokenOf('assistant')] as const
  const hold = await held(tokens[0])
  await house.approve(hold)
  const other = await held(tokens[1])
  assert.match(other, /^hld_/)
  assert.notEqual(other, hold)
  assert.equal(await held(tokens[0]), '', 'it went through')
})
