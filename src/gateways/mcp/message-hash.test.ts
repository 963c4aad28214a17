/** What a message is hashed by: together with the hashes of its long texts every byte of it counts, and none of them twice. */
import assert from 'node:assert/strict'
import { hash } from 'node:crypto'
import { test } from 'node:test'
import { recordedArguments, type ShortenedArgument } from '../../control/recorded-arguments.ts'
import { mustBe } from '../../kernel/result.ts'
import { readMessage } from './json-rpc.ts'
import { defaultLimits } from './limits.ts'
import { frameOf, framedTextMin, MessageHash } from './message-hash.ts'
import type { Message } from './ports.ts'

const long = 'y'.repeat(framedTextMin)
const short = 'y'.repeat(framedTextMin - 1)

function messageOf(params: string): Message {
  return mustBe(readMessage(Buffer.from(`{"jsonrpc":"2.0","id":1,"method":"tools/call","params":${params}}`), defaultLimits))
}

interface Row {
  readonly says: string
  readonly params: string
  /** What is left of `params`; all of it, where nothing is said. */
  readonly left?: string
}

const rows: readonly Row[] = [
  { says: 'a long text', params: `{"name":"put","arguments":{"a":"${long}","b":1}}`, left: '{"name":"put","arguments":{"a":"","b":1}}' },
  {
    says: 'two of them',
    params: `{"arguments":{"a":"${long}","b":"${long}z"},"name":"put"}`,
    left: '{"arguments":{"a":"","b":""},"name":"put"}',
  },
  { says: 'white space', params: `{ "arguments" : { "a" :\n"${long}" } }`, left: '{ "arguments" : { "a" :\n"" } }' },
  { says: 'a key with an escape', params: `{"arguments":{"\\u0061":"${long}"}}`, left: '{"arguments":{"\\u0061":""}}' },
  {
    says: 'a long text beside a short one',
    params: `{"arguments":{"a":"${short}","b":"${long}"}}`,
    left: `{"arguments":{"a":"${short}","b":""}}`,
  },
  { says: 'a short one', params: `{"arguments":{"a":"${short}"}}` },
  { says: 'one with an escape', params: `{"arguments":{"a":"${long}\\n"}}` },
  { says: 'one with an escape that its text does not need', params: `{"arguments":{"a":"${long}\\u0079"}}` },
  { says: 'letters of two bytes', params: `{"arguments":{"a":"${long}é"}}` },
  { says: 'one that is no argument', params: `{"name":"${long}","arguments":{"a":1}}` },
  { says: 'one within an argument', params: `{"arguments":{"a":["${long}"]}}` },
  { says: 'none', params: '{"name":"put"}' },
]
for (const { says, params, left } of rows)
  test(`${says}: what is hashed with the message`, () => {
    const message = messageOf(params)
    const whole = Buffer.from(message.bytes).toString()
    const frame = left === undefined ? undefined : whole.replace(params, () => left)
    assert.equal(frameOf(message)?.toString(), frame)
    for (const steps of [0, 1, 2, 100]) {
      const made = new MessageHash(message)
      for (let step = 0; step < steps && !made.step(); step += 1);
      assert.equal(made.hex(), hash('sha256', frame ?? whole))
      assert.equal(made.isOfFrame, frame !== undefined)
    }
  })

test('the hash that a decision keeps of a long text is over the very bytes that the frame leaves out', () => {
  const { bytes, params } = messageOf(`{"name":"put","arguments":{"a":"${long}","b":"x"}}`)
  const { a } = recordedArguments(params['arguments'] as Readonly<Record<string, string>>)
  const at = Buffer.from(bytes).indexOf(`"${long}"`)
  assert.equal((a as ShortenedArgument).sha256, hash('sha256', bytes.subarray(at, at + long.length + 2)))
})
