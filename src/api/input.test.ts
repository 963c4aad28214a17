import assert from 'node:assert/strict'
import test from 'node:test'
import { z } from 'zod'
import { checkInput, gather, type BodyKind } from './input.ts'

const bytes = (text: string | readonly number[]) => (typeof text === 'string' ? new TextEncoder().encode(text) : Uint8Array.from(text))
const schema = z.strictObject({
  statement: z.string(),
  narrowing: z.strictObject({ duration: z.string().optional() }).optional(),
  lines: z.array(z.strictObject({ uses: z.int() })).optional(),
})

interface Row {
  readonly says: string
  readonly kind: BodyKind
  readonly body?: string | readonly number[]
  readonly query?: string
  readonly parameters?: Readonly<Record<string, string>>
  readonly want: unknown
}

const rows: readonly Row[] = [
  {
    says: 'a body and the path are one input',
    kind: 'json',
    body: '{"reason":"x"}',
    parameters: { id: 'a' },
    want: { reason: 'x', id: 'a' },
  },
  { says: 'an empty body has no members', kind: 'json', want: {} },
  { says: 'a query', kind: 'none', query: 'a=1&b=%C3%A4+c', want: { a: '1', b: 'ä c' } },
  { says: 'a form', kind: 'form', body: 'grant_type=urn%3Ax', want: { grant_type: 'urn:x' } },
  { says: 'a duplicate name in JSON', kind: 'json', body: '{"a":1,"a":2}', want: 'json.malformed' },
  { says: 'JSON that is cut', kind: 'json', body: '{"a":', want: 'json.malformed' },
  { says: 'JSON that is no UTF-8', kind: 'json', body: [0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d], want: 'json.malformed' },
  { says: 'JSON too deep', kind: 'json', body: `${'{"a":'.repeat(70)}1${'}'.repeat(70)}`, want: 'json.malformed' },
  { says: 'JSON that is no object', kind: 'json', body: '[]', want: 'input.invalid' },
  { says: 'more than is taken', kind: 'json', body: JSON.stringify({ a: 'x'.repeat(2_000) }), want: 'input.too-large' },
  { says: 'a name of the path in the body', kind: 'json', body: '{"id":"b"}', parameters: { id: 'a' }, want: 'input.invalid' },
  { says: 'a query where a body is taken', kind: 'json', query: 'a=1', want: 'input.invalid' },
  { says: 'a name twice in a query', kind: 'none', query: 'a=1&a=2', want: 'input.malformed' },
  { says: 'a name twice in a query, encoded', kind: 'none', query: 'a=1&%61=2', want: 'input.malformed' },
  { says: 'a query that is no UTF-8', kind: 'none', query: 'a=%ff', want: 'input.malformed' },
  { says: 'a stray percent sign', kind: 'form', body: 'a=%', want: 'input.malformed' },
  { says: 'a form with raw bytes', kind: 'form', body: [0x61, 0x3d, 0xe4], want: 'input.malformed' },
  {
    says: 'too many fields',
    kind: 'form',
    body: Array.from({ length: 60 }, (_, place) => `f${place}=`).join('&'),
    want: 'input.malformed',
  },
]
for (const { says, kind, body = '', query = '', parameters = {}, want } of rows) {
  test(`${says}: ${typeof want === 'string' ? want : 'taken'}`, () => {
    const read = gather(kind, { body: bytes(body), query, parameters }, 1_000)
    assert.deepEqual(read.ok ? { ...read.value } : read.refusal.code, want)
  })
}

const faults: readonly { readonly given: Readonly<Record<string, unknown>>; readonly says: RegExp }[] = [
  { given: { statment: 'x' }, says: /^"statment" is not known; did you mean "statement"\?$/ },
  { given: { statement: 'x', zzzzzzzz: 1 }, says: /^"zzzzzzzz" is not known; known: statement, narrowing, lines$/ },
  { given: { statement: 'x', narrowing: { durations: '1' } }, says: /^"durations" is not known in narrowing; did you mean "duration"\?$/ },
  { given: { statement: 'x', lines: [{ uses: 1, used: 2 }] }, says: /^"used" is not known in lines\.0; did you mean "uses"\?$/ },
  { given: {}, says: /^statement: it is missing$/ },
  { given: { statement: 5 }, says: /^statement: .*expected string/ },
]
for (const { given, says } of faults) {
  test(`${JSON.stringify(given)} is told: ${says.source}`, () => {
    const checked = checkInput(schema, given as never)
    assert.equal(checked.ok, false)
    if (!checked.ok) assert.match(checked.refusal.detail ?? '', says)
  })
}
