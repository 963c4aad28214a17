/** Tools of the mailbox as its server says them, and calls of them as the gateway of MCP asks about them. */
import type { Bearer, Call, GatewayControl } from '../../src/control/ports.ts'
import { isJsonObject, type JsonObject, parseJson } from '../../src/kernel/json.ts'
import { done, mustBe } from '../../src/kernel/result.ts'
import { type Definition, definitionOf, definitionTextMax, worseThanDeclared } from '../../src/model/definitions.ts'
import { mailCall } from './mail.ts'

/** A definition, read as the gateway reads it. */
export function defined(tool: object): Definition {
  const read = mustBe(parseJson(JSON.stringify(tool)))
  if (!isJsonObject(read)) throw new Error('a tool is an object')
  return definitionOf(read satisfies JsonObject)
}

export const reader = { name: 'look-up', description: 'Looks up an address.', inputSchema: { type: 'object' } }

/** A call of `look-up`, whose server says that it is this. */
export function lookUp(gateway: Pick<GatewayControl, 'service'>, bearer: Bearer, tool: object = reader): Call {
  const call = mailCall(gateway, bearer, 'look-up')
  const definition = defined(tool)
  const worse = worseThanDeclared(call.action.effect, definition)
  const { hash, text } = definition
  return {
    ...call,
    action: { ...call.action, definition: { hash, ...(worse === undefined ? {} : { worse }) } },
    heard: done(text.length > definitionTextMax ? {} : { says: text }),
  }
}
