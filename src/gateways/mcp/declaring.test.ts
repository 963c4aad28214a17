import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonObject } from '../../kernel/json.ts'
import { declare, type Listed } from './declaring.ts'

const nothing: Listed = { tools: [], resources: [], resourceTemplates: [], prompts: [] }

const tools: readonly {
  readonly says: string
  readonly tool: JsonObject
  readonly line?: JsonObject
  readonly notes?: readonly string[]
}[] = [
  {
    says: 'a tool that only reads, by its own word',
    tool: { name: 'look', annotations: { readOnlyHint: true }, inputSchema: { type: 'object', properties: {} } },
    line: { name: 'look', effect: 'read' },
    notes: ['says that it only reads'],
  },
  {
    says: 'one that destroys, whatever else it says',
    tool: { name: 'wipe', annotations: { readOnlyHint: true, destructiveHint: true } },
    line: { name: 'wipe', effect: 'delete' },
    notes: ['says that it destroys'],
  },
  {
    says: 'one that changes things',
    tool: { name: 'put', annotations: { readOnlyHint: false, destructiveHint: false } },
    line: { name: 'put', effect: 'write' },
    notes: ['says that it changes things'],
  },
  {
    says: 'one that says nothing, or says it in another type',
    tool: { name: 'do', annotations: { readOnlyHint: 'true' } },
    line: { name: 'do', effect: 'execute' },
    notes: ['does not say what it does'],
  },
  {
    says: 'kinds of arguments',
    tool: {
      name: 'all',
      inputSchema: {
        properties: {
          text: { type: 'string' },
          maybe: { type: ['string', 'null'] },
          choice: { enum: ['a', 'b'] },
          whole: { type: 'integer' },
          number: { type: 'number' },
          truth: { type: 'boolean' },
          texts: { type: 'array', items: { type: 'string' } },
          list: { type: 'array', items: { type: 'integer' } },
          object: { type: 'object' },
          either: { type: ['string', 'integer'] },
          open: {},
          always: true,
        },
        required: ['text', 'object', 'nothing'],
      },
    },
    line: {
      name: 'all',
      effect: 'execute',
      arguments: [
        { name: 'text', required: true },
        { name: 'maybe' },
        { name: 'choice' },
        { name: 'whole', type: 'long' },
        { name: 'number', type: 'decimal' },
        { name: 'truth', type: 'boolean' },
        { name: 'texts', type: 'strings' },
        { name: 'list', type: 'json' },
        { name: 'object', type: 'json', required: true },
        { name: 'either', type: 'json' },
        { name: 'open', type: 'json' },
        { name: 'always', type: 'json' },
      ],
    },
    notes: ['does not say what it does'],
  },
  {
    says: 'an argument that no policy could name',
    tool: { name: 'odd', inputSchema: { properties: { 'a b': { type: 'string' }, fine: { type: 'string' } } } },
    line: { name: 'odd', effect: 'execute', arguments: [{ name: 'fine' }] },
    notes: ['does not say what it does', 'without "a b", which is no name for an argument'],
  },
  {
    says: 'a name that operations cannot have',
    tool: { name: 'ns/do:it' },
    line: { name: 'ns-do-it', tool: 'ns/do:it', effect: 'execute' },
  },
  { says: "a name of Remit's own", tool: { name: 'remit_request' } },
  { says: 'a name with blanks', tool: { name: 'do it' } },
  { says: 'no name', tool: { title: 'nameless' } },
]

for (const { says, tool, line, notes } of tools) {
  test(`a tool: ${says}`, () => {
    const { tools: found, leftOut } = declare({ ...nothing, tools: [tool] })
    assert.deepEqual(found[0]?.line, line)
    if (notes !== undefined) assert.deepEqual(found[0]?.notes, notes)
    assert.equal(leftOut.length, line === undefined ? 1 : 0)
  })
}

test('two names that come to one are told apart', () => {
  const { tools: found } = declare({ ...nothing, tools: [{ name: 'a/b' }, { name: 'a:b' }, { name: 'a-b' }] })
  assert.deepEqual(
    found.map(({ line }) => line['name']),
    ['a-b', 'a-b-2', 'a-b-3'],
  )
})

test('resources by URI, templates by what they begin with', () => {
  const { resources, leftOut } = declare({
    ...nothing,
    resources: [
      { name: 'How to restart', uri: 'runbook://restart' },
      { name: 'none', uri: 'no uri' },
    ],
    resourceTemplates: [
      { name: 'files', uriTemplate: 'file:///{+path}' },
      { name: 'two', uriTemplate: 'db://{table}/{row}' },
    ],
  })
  assert.deepEqual(
    resources.map(({ line }) => line),
    [
      { name: 'files', uri: 'file:///*' },
      { name: 'How-to-restart', uri: 'runbook://restart' },
    ],
  )
  assert.equal(leftOut.length, 2)
})

test('of a great many resources the first are told, and that there are more', () => {
  const resources = Array.from({ length: 120 }, (_, place) => ({ name: `r${place}`, uri: `db://${place}` }))
  const found = declare({ ...nothing, resources })
  assert.equal(found.resources.length, 50)
  assert.match(found.leftOut.join(), /70 more resources/)
})

test('prompts with their arguments', () => {
  const { prompts } = declare({
    ...nothing,
    prompts: [{ name: 'plan', arguments: [{ name: 'goal', required: true }, { name: 'by when' }] }],
  })
  assert.deepEqual(prompts[0]?.line, { name: 'plan', arguments: [{ name: 'goal', required: true }] })
})
