/** What is kept of what servers say of their tools: no more than is declared, no longer than a minute, and bounded however much they say. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { parseJson } from '../../kernel/json.ts'
import { mustBe } from '../../kernel/result.ts'
import type { Service } from '../../model/services.ts'
import { ListEar } from './list-ear.ts'
import { believedMs, type Teller, ToolBook } from './tool-book.ts'

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

function tellerOf(...names: readonly string[]): Teller {
  return { service: serviceOf(...names), era: 'stateless' }
}

function at(now: { value: number }): ToolBook {
  return new ToolBook({ now: () => now.value })
}

describe('the book of tools', () => {
  const ops = tellerOf('look', 'read')

  test('knows what is declared and was listed, for a minute', () => {
    const now = { value: 1_000_000 }
    const book = at(now)
    assert.equal(book.find(ops, 'look', 1_000), undefined)
    book.hear(ops, [toolOf('look'), toolOf('wipe')], { isFirst: true, isWhole: true, bytes: 100 })
    const found = book.find(ops, 'look', 1_000)
    assert.ok(typeof found === 'object')
    assert.equal(found.text, '{"description":"Is look.","name":"look"}')
    assert.equal(book.find(ops, 'wipe', 1_000), 'absent', 'nobody can call it')
    assert.equal(book.find(ops, 'read', 1_000), 'absent')
    now.value += believedMs - 1
    assert.equal(book.find(ops, 'read', 1_000), undefined, 'it is to be asked')
    assert.deepEqual(book.find(ops, 'look', 1_000), found)
    now.value += 1
    assert.equal(book.find(ops, 'look', 1_000), undefined)
  })

  test('takes a page as more of what is known, and a whole list as all of it', () => {
    const book = at({ value: 1_000_000 })
    book.hear(ops, [toolOf('look')], { isFirst: true, isWhole: false, bytes: 100 })
    book.hear(ops, [toolOf('read')], { isFirst: true, isWhole: false, bytes: 100 })
    assert.ok(typeof book.find(ops, 'look', 1_000) === 'object')
    book.hear(ops, [toolOf('read')], { isFirst: true, isWhole: true, bytes: 100 })
    assert.equal(book.find(ops, 'look', 1_000), 'absent')
    book.forget('ops')
    assert.equal(book.find(ops, 'read', 1_000), undefined)
  })

  test('says of a tool that stands twice in one list that nobody knows which it is', () => {
    const book = at({ value: 1_000_000 })
    book.hear(ops, [toolOf('look'), toolOf('read'), toolOf('look', { title: 'x' })], { isFirst: true, isWhole: true, bytes: 100 })
    assert.equal(book.find(ops, 'look', 1_000), 'twice')
    assert.ok(typeof book.find(ops, 'read', 1_000) === 'object')
  })

  test('keeps the hash of whatever is said, and the text of no more than its bounds', () => {
    const names = Array.from({ length: 100 }, (_, place) => `tool-${place}`)
    const book = at({ value: 1_000_000 })
    const many = tellerOf(...names)
    const long = names.map((name) => toolOf(name, { description: 'x'.repeat(60_000) }))
    for (let round = 0; round < 5; round += 1) {
      book.hear(many, long, { isFirst: true, isWhole: round % 2 === 0, bytes: 6_000_000 })
      const found = names.map((name) => book.find(many, name, 1_000))
      const texts = found.map((each) => (typeof each === 'object' ? (each.text?.length ?? 0) : 0))
      assert.ok(found.every((each) => typeof each === 'object' && each.hash.startsWith('v1:')))
      const sum = texts.reduce((a, b) => a + b, 0)
      assert.ok(sum > 1_900_000 && sum <= 2_097_152, `${sum}`)
    }
    book.hear(ops, [toolOf('look', { description: 'x'.repeat(1_048_576) })], { isFirst: true, isWhole: true, bytes: 1_048_700 })
    const huge = book.find(ops, 'look', 1_000)
    assert.ok(typeof huge === 'object' && huge.text === undefined)
  })

  test('keeps apart what is said in each era, and to each client that has a server of its own', () => {
    const book = at({ value: 1_000_000 })
    const tellers: readonly Teller[] = [
      ops,
      { ...ops, era: 'handshake' },
      { ...ops, client: { owner: 'ana', session: '1' } },
      { ...ops, client: { owner: 'ana', session: '2' } },
      { ...ops, client: { owner: 'ana 1', session: '' } },
    ]
    const whole = { isFirst: true, isWhole: true, bytes: 100 }
    for (const [place, teller] of tellers.entries()) book.hear(teller, [toolOf('look', { title: `${place}` })], whole)
    const hashes = tellers.map((teller) => book.find(teller, 'look', 1_000)).map((each) => typeof each === 'object' && each.hash)
    assert.equal(new Set(hashes).size, tellers.length)
    assert.ok(!hashes.includes(false))
    book.forget('ops')
    assert.equal(book.size, 0)
  })

  test('keeps so much for one caller’s clients, and so much in all, and nothing that nobody believes any more', () => {
    const now = { value: 1_000_000 }
    const book = at(now)
    const of = (owner: string, session: number): Teller => ({ ...ops, client: { owner, session: `${session}` } })
    const whole = { isFirst: true, isWhole: true, bytes: 100 }
    book.hear(of('ben', 0), [toolOf('look')], whole)
    for (let session = 0; session < 20; session += 1) book.hear(of('ana', session), [toolOf('look')], whole)
    assert.equal(book.size, 9)
    assert.ok(typeof book.find(of('ben', 0), 'look', 0) === 'object', 'somebody else’s stays')
    assert.equal(book.find(of('ana', 11), 'look', 0), undefined)
    assert.ok(typeof book.find(of('ana', 12), 'look', 0) === 'object')
    for (let each = 0; each < 1_100; each += 1) book.hear(of(`${each}`, 0), [toolOf('look')], whole)
    assert.equal(book.size, 1_000)
    now.value += believedMs - 1
    book.sweep(now.value)
    assert.equal(book.size, 1_000)
    now.value += 1
    book.hear(ops, [toolOf('look')], whole)
    assert.equal(book.size, 1)
    now.value += believedMs
    book.sweep(now.value)
    assert.equal(book.size, 0)
    for (let each = 0; each < 50; each += 1) book.hear(of(`${each}`, 0), [toolOf('look')], { ...whole, bytes: 2_097_152 })
    assert.equal(book.size, 32)
    assert.ok(typeof book.find(of('49', 0), 'look', 0) === 'object')
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
