/** Cedar's JSON form of a policy text, by cedar-wasm in this process: for tests, which need no worker that may be killed. */
import * as cedar from '@cedar-policy/cedar-wasm/nodejs'
import { isJsonObject, type JsonValue, parseJson } from '../../src/kernel/json.ts'
import { mustBe } from '../../src/kernel/result.ts'

/** `policyToJson` without its rounding of integers: the text that it parses is read by our own parser. */
export function policyJson(text: string): JsonValue | undefined {
  return jsonBy(cedar.policyToJson, text)
}

/** The same of a template. */
export function templateJson(text: string): JsonValue | undefined {
  return jsonBy(cedar.templateToJson, text)
}

function jsonBy(convert: typeof cedar.policyToJson, text: string): JsonValue | undefined {
  const parse = JSON.parse
  let seen = ''
  JSON.parse = (source: string): unknown => {
    seen = source
    return parse(source)
  }
  try {
    const answer = convert(text)
    if (answer.type === 'failure') throw new Error(`${text}: ${answer.errors.map((error) => error.message).join('; ')}`)
  } finally {
    JSON.parse = parse
  }
  const json = mustBe(parseJson(seen, { depthMax: 4_000 }))
  return isJsonObject(json) ? json['json'] : undefined
}
