/** What is kept of what servers say of their tools: no more than is declared, no longer than a minute, and bounded however much they say. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { Service } from '../../model/services.ts'
import { ListEar } from './list-ear.ts'
import { believedMs, ToolBook } from './tool-book.ts'

const impact = { data: 'low', service: 'low', safety: 'none' } as const
const route = (name: string) => ({ name, method: 'tools/call', path: name, effect: 'read', impact, tier: 0, arguments: [] }) as const

function serviceOf(...names: readonly string[]): Service {
  return {
    id: 'ops',
    space: 'main',
    protocol: 'mcp',
    upstream: 'http://127.0.0.1:9',
    port: 0,
    environment: 'prod',
    impact,
    labels: [],
    routes: names.map(route),
  }
}

const toolOf = (name: string, more: object = {}) =>
  mustBe(parseJson(JSON.stringify({ name, description: `Is ${name}.`, ...more }), { bytesMax: 8_000_000 }))

function at(now: { value: number }): ToolBook {
  return new ToolBook({ now: () => now.value })
}

describe('the book of tools', () => {
  const service = serviceOf('look', 'read')

  test('knows what is declared and was listed, for a minute', () => {
    const now = { value: 1_000_000 }
    const book = at(now)
    assert.equal(book.find('ops', 'look', 1_000), undefined)
    book.hear(service, [toolOf('look'), toolOf('wipe')], { isFirst: true, isWhole: true, bytes: 100 })
    const found = book.find('ops', 'look', 1_000)
    assert.ok(typeof found === 'object')
    assert.equal(found.text, '{"description":"Is look.","name":"look"}')
    assert.equal(book.find('ops', 'wipe', 1_000), 'absent', 'nobody can call it')
    assert.equal(book.find('ops', 'read', 1_000), 'absent')
    now.value += believedMs - 1
    assert.equal(book.find('ops', 'read', 1_000), undefined, 'it is to be asked')
    assert.deepEqual(book.find('ops', 'look', 1_000), found)
    now.value += 1
    assert.equal(book.find('ops', 'look', 1_000), undefined)
  })

  test('takes a page as more of what is known, and a whole list as all of it', () => {
    const book = at({ value: 1_000_000 })
    book.hear(service, [toolOf('look')], { isFirst: true, isWhole: false, bytes: 100 })
    book.hear(service, [toolOf('read')], { isFirst: true, isWhole: false, bytes: 100 })
    assert.ok(typeof book.find('ops', 'look', 1_000) === 'object')
    book.hear(service, [toolOf('read')], { isFirst: true, isWhole: true, bytes: 100 })
    assert.equal(book.find('ops', 'look', 1_000), 'absent')
    book.forget('ops')
    assert.equal(book.find('ops', 'read', 1_000), undefined)
  })

  test('says of a tool that stands twice in one list that nobody knows which it is', () => {
    const book = at({ value: 1_000_000 })
    book.hear(service, [toolOf('look'), toolOf('read'), toolOf('look', { title: 'x' })], { isFirst: true, isWhole: true, bytes: 100 })
    assert.equal(book.find('ops', 'look', 1_000), 'twice')
    assert.ok(typeof book.find('ops', 'read', 1_000) === 'object')
  })

  test('keeps the hash of whatever is said, and the text of no more than its bounds', () => {
    const names = Array.from({ length: 100 }, (_, place) => `tool-${place}`)
    const book = at({ value: 1_000_000 })
    const long = names.map((name) => toolOf(name, { description: 'x'.repeat(60_000) }))
    for (let round = 0; round < 5; round += 1) {
      book.hear(serviceOf(...names), long, { isFirst: true, isWhole: round % 2 === 0, bytes: 6_000_000 })
      const found = names.map((name) => book.find('ops', name, 1_000))
      const texts = found.map((each) => (typeof each === 'object' ? (each.text?.length ?? 0) : 0))
      assert.ok(found.every((each) => typeof each === 'object' && each.hash.startsWith('v1:')))
      const sum = texts.reduce((a, b) => a + b, 0)
      assert.ok(sum > 1_900_000 && sum <= 2_097_152, `${sum}`)
    }
    book.hear(service, [toolOf('look', { description: 'x'.repeat(1_048_576) })], { isFirst: true, isWhole: true, bytes: 1_048_700 })
    const huge = book.find('ops', 'look', 1_000)
    assert.ok(typeof huge === 'object' && huge.text === undefined)
  })
})

describe('an ear for changed lists', () => {
  const notice = 'data: {"jsonrpc":"2.0","method":"notifications\\/tools\\/list_changed"}\n\n'
  const heard = (form: 'json' | 'events', pieces: readonly string[]): number => {
    let count = 0
    const passed: string[] = []
    const ear = new ListEar(
      () => {
        count += 1
      },
      { onData: (bytes) => passed.push(Buffer.from(bytes).toString()), onOver: () => 'unread' },
    )
    ear.onHead(form)
    for (const piece of pieces) ear.onData(Buffer.from(piece))
    assert.equal(passed.join(''), pieces.join(''))
    assert.equal(ear.onOver(true), 'unread')
    return count
  }

  test('hears one in a stream, wherever it is cut', () => {
    for (let cut = 0; cut <= notice.length; cut += 1) assert.equal(heard('events', [notice.slice(0, cut), notice.slice(cut)]), 1, `${cut}`)
    assert.equal(heard('events', [...notice]), 1)
  })

  test('hears none in an answer, and none where there is none', () => {
    assert.equal(heard('json', [notice]), 0)
    assert.equal(heard('events', ['data: list_', 'unchanged', 'list', 'changed\n\n']), 0)
  })
})
