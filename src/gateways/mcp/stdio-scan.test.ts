import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { parseJson } from '../../kernel/json.ts'
import { LineReader } from './stdio-lines.ts'
import { LineScanner, paths, rewrite, scan } from './stdio-scan.ts'

function spansOf(text: string): Record<string, string> {
  const scanned = scan(Buffer.from(text))
  assert.equal(scanned.ok, true)
  return scanned.ok ? Object.fromEntries([...scanned.value.spans].map(([path, { text: value }]) => [path, value])) : {}
}

describe('a line', () => {
  it('is routed by what stands at its own places, and nowhere else', () => {
    const text =
      '{"result":{"id":9,"method":"x","params":{"requestId":1}},"a":[{"id":3}],"jsonrpc":"2.0","id" : "a\\n\\u0062" ,"params":{"id":4,"progressToken":-1.5e3,"_meta":{"io.modelcontextprotocol/subscriptionId":7,"progressToken":"t"}}}'
    const spans = spansOf(text)
    assert.deepEqual(
      { ...spans, result: undefined, params: undefined, 'params/_meta': undefined },
      {
        id: '"a\\n\\u0062"',
        jsonrpc: '"2.0"',
        'params/progressToken': '-1.5e3',
        'params/_meta/io.modelcontextprotocol~1subscriptionId': '7',
        'params/_meta/progressToken': '"t"',
        result: undefined,
        params: undefined,
        'params/_meta': undefined,
      },
    )
    assert.equal(spansOf('{"\\u0069d":1}')['id'], '1')
    assert.equal(spansOf('{"params":{"_meta":{"io.modelcontextprotocol~1subscriptionId":1}}}')[paths.subscription], undefined)
  })

  it('is changed in its places alone', () => {
    const bytes = Buffer.from('{"é":1,"id": 77,"params":{"progressToken":"é"}}')
    const scanned = scan(bytes)
    assert.equal(scanned.ok, true)
    if (!scanned.ok) return
    const [id, token] = [scanned.value.spans.get('id'), scanned.value.spans.get(paths.progressToken)]
    assert.ok(id !== undefined && token !== undefined)
    const changed = rewrite(bytes, [
      { span: token, to: '5' },
      { span: id, to: '"x"' },
    ])
    assert.equal(changed.toString(), '{"é":1,"id": "x","params":{"progressToken":5}}')
  })

  for (const text of [
    '',
    '[]',
    '1',
    '"x"',
    '{"id":1',
    '{"id":1}}',
    '{"id":1,}',
    '{"id" 1}',
    '{"id":01}',
    '{"id":1.}',
    '{"id":tru}',
    '{"id":"\\x"}',
    '{"id":"\\u00g0"}',
    '{"id":"a\tb"}',
    '{"id":1,"id":2}',
    '{"id":1,"\\u0069d":2}',
    '{"params":{"progressToken":1,"progressToken":2}}',
    '{"a":[1}',
    '{"a":{]}',
    '{id:1}',
    `{"a":${'['.repeat(200)}${']'.repeat(200)}}`,
  ])
    it(`is none: ${text.slice(0, 40)}`, () => assert.equal(scan(Buffer.from(text)).ok, false))

  it('is read alike in whatever pieces it comes, and as a strict parser reads it', () => {
    fc.assert(
      fc.property(
        fc.json(),
        fc.array(fc.nat(60), { maxLength: 8 }),
        fc.option(fc.tuple(fc.nat(200), fc.nat(255))),
        (inner, cuts, spoilt) => {
          const bytes = Buffer.from(`{"id":1,"result":${inner},"jsonrpc":"2.0"}`)
          if (spoilt !== null && spoilt[0] < bytes.length) bytes[spoilt[0]] = spoilt[1]
          const scanner = new LineScanner()
          let at = 0
          for (const cut of cuts) {
            scanner.push(bytes.subarray(at, at + cut))
            at += cut
          }
          scanner.push(bytes.subarray(at))
          const [pieces, whole] = [scanner.end(), scan(bytes)]
          assert.deepEqual(pieces.ok && [...pieces.value.spans], whole.ok && [...whole.value.spans])
          const strict = parseJson(bytes, { depthMax: 128 })
          // The parser refuses more: what is not Unicode, keys that come twice anywhere, integers beyond 64 bits.
          if (strict.ok && typeof strict.value === 'object') assert.equal(whole.ok, true)
          if (!whole.ok)
            assert.equal(strict.ok && typeof strict.value === 'object' && strict.value !== null && !Array.isArray(strict.value), false)
        },
      ),
      { numRuns: 300 },
    )
  })
})

describe('lines', () => {
  it('that are too long are not kept while they are read', async () => {
    setFlagsFromString('--expose_gc')
    const collect = runInNewContext('gc') as () => void
    const ignore = { onMessage: () => undefined, onFlaw: () => undefined, onEndless: () => undefined }
    const reader = new LineReader({ lineBytesMax: 1_000_000, endlessLineBytesMax: 1_000_000_000 }, ignore)
    const before = process.memoryUsage().arrayBuffers
    reader.push(Buffer.from('{"a":"'))
    for (let piece = 0; piece < 50; piece += 1) reader.push(Buffer.alloc(1_000_000, 0x78))
    // What was let go is given back by another thread, some turns later; what is kept never is.
    const kept = () => process.memoryUsage().arrayBuffers - before
    for (const end = performance.now() + 60_000; kept() >= 10_000_000 && performance.now() < end; ) {
      collect()
      await pause(5)
    }
    assert.ok(kept() < 10_000_000, `${kept()} bytes`)
    reader.push(Buffer.from('"}\n'))
  })

  it('are told apart in whatever pieces they come; half a line is none', () => {
    const heard: string[] = []
    const reader = new LineReader(
      { lineBytesMax: 40, endlessLineBytesMax: 100 },
      {
        onMessage: (bytes) => heard.push(bytes.toString()),
        onFlaw: (_refusal, spans) => heard.push(`flaw ${spans.get('id')?.text ?? '-'}`),
        onEndless: () => heard.push('endless'),
      },
    )
    const text = `{"id":1}\r\n\n{"id":2,"result":"${'x'.repeat(50)}"}\n{"id":3,"a":"\xff"}\n${'{"a":"'}${'y'.repeat(200)}`
    for (const byte of Buffer.from(text, 'latin1')) reader.push(Buffer.from([byte]))
    assert.deepEqual(heard, ['{"id":1} ', 'flaw -', 'flaw 2', 'flaw 3', 'endless'])
  })
})
