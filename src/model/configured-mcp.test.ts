/** MCP services in a configuration: what is taken, what is refused with its place, and that what is exported is read again as it was. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mcpText } from '../control/export-mcp.ts'
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts'
import { mustBe } from '../kernel/result.ts'
import { readConfiguration } from './configuration.ts'
import type { ConfiguredService } from './configured-services.ts'
import type { Service } from './services.ts'

const ops = {
  name: 'ops',
  protocol: 'mcp',
  upstream: 'http://127.0.0.1:9100/mcp',
  environment: 'prod',
  impact: { data: 'low', service: 'moderate', safety: 'none' },
  tools: [
    {
      name: 'restart_service',
      effect: 'execute',
      arguments: [
        { name: 'service', required: true },
        { name: 'force', type: 'boolean' },
        { name: 'more', type: 'json' },
      ],
    },
    { name: 'list', tool: 'services/list', effect: 'read', impact: { data: 'none', service: 'none', safety: 'none' }, trust: 'trusted' },
  ],
  resources: [
    { name: 'runbooks', uri: 'runbook://*' },
    { name: 'status', uri: 'status://now', effect: 'observe' },
  ],
  prompts: [{ name: 'triage', arguments: [{ name: 'incident', required: true }] }],
}
const mail = {
  name: 'mail',
  protocol: 'mcp',
  command: ['node', 'mail.mjs'],
  variables: ['MAIL_TOKEN'],
  user: 'mailer',
  asks: ['elicitation', 'sampling'],
  environment: 'prod',
  tools: [{ name: 'send', effect: 'write' }],
}
const desk = { name: 'agents', protocol: 'mcp', joins: ['ops', 'mail'], environment: 'prod' }

const document = (...services: object[]): JsonObject => {
  const read = mustBe(parseJson(JSON.stringify({ version: 1, services })))
  return isJsonObject(read) ? read : {}
}

function servicesOf(...services: object[]): readonly ConfiguredService[] {
  const read = readConfiguration(document(...services))
  assert.ok('configuration' in read, JSON.stringify(read))
  return read.configuration.services
}

test('a server over HTTP, one as a child and one that joins both', () => {
  const [first, second, third] = servicesOf(ops, mail, desk)
  assert.deepEqual([first?.upstream, first?.endpoint], ['http://127.0.0.1:9100', '/mcp'])
  assert.deepEqual(
    first?.routes.map(({ name, method, path, effect, tier, trust }) => [name, method, path, effect, tier, trust]),
    [
      ['restart_service', 'tools/call', 'restart_service', 'execute', 1, undefined],
      ['list', 'tools/call', 'services/list', 'read', 0, 'trusted'],
      ['runbooks', 'resources/read', 'runbook://*', 'read', 0, undefined],
      ['status', 'resources/read', 'status://now', 'observe', 0, undefined],
      ['triage', 'prompts/get', 'triage', 'read', 0, undefined],
    ],
  )
  assert.deepEqual(first?.routes[0]?.arguments[2], { name: 'more', in: 'call', type: 'json', required: false })
  assert.deepEqual([second?.upstream, second?.command, second?.variables], ['', ['node', 'mail.mjs'], ['MAIL_TOKEN']])
  assert.deepEqual([second?.user, second?.asks], ['mailer', ['sampling', 'elicitation']])
  assert.deepEqual([third?.joins, third?.routes], [['ops', 'mail'], []])
})

test('what is written out is read as it was', () => {
  for (const service of servicesOf(ops, mail, desk)) {
    const { name, credential: _none, ...rest } = service
    const kept: Service = { id: name, space: 'main', ...rest }
    const { environment, impact, labels } = service
    const again = { name, protocol: 'mcp', environment, impact, labels, ...mcpText(kept) }
    const others = name === 'agents' ? [ops, mail] : []
    assert.deepEqual(servicesOf(...others, again).at(-1), service)
  }
})

const wrong: Readonly<Record<string, readonly [services: readonly object[], pointer: string, message: RegExp]>> = {
  'two ways to a server': [[{ ...ops, command: ['x'] }], '/services/0', /reached in one way/],
  'no way to a server': [[{ ...ops, upstream: undefined }], '/services/0', /reached in one way/],
  'a query in the address': [[{ ...ops, upstream: 'http://a.example/mcp?x=1' }], '/services/0/upstream', /not the address/],
  'a secret in the address': [[{ ...ops, upstream: 'http://me:pass@a.example/mcp' }], '/services/0/upstream', /not the address/],
  'a command without a word': [[{ ...mail, command: [] }], '/services/0/command', /names no program/],
  'a credential for a child': [
    [{ ...mail, credential: { bearer: 'x' } }],
    '/services/0/credential',
    /only a server that is reached over HTTP/,
  ],
  'a variable that is none': [[{ ...mail, variables: ['A=B'] }], '/services/0/variables/0', /no name of a variable/],
  'a user for what the gateway does not start': [[{ ...ops, user: 'nobody' }], '/services/0/user', /only a server that the gateway starts/],
  'questions of what the gateway does not start': [
    [{ ...ops, asks: ['roots'] }],
    '/services/0/asks',
    /only a server that the gateway starts/,
  ],
  'a user that is none': [[{ ...mail, user: '-u' }], '/services/0/user', /no user of a machine/],
  'a user in two spellings': [[{ ...mail, user: '007' }], '/services/0/user', /no user of a machine/],
  'a question that is none': [[{ ...mail, asks: ['money'] }], '/services/0/asks/0', /none of what this takes/],
  'routes of HTTP': [[{ ...ops, routes: [] }], '/services/0/routes', /not known here/],
  'an argument twice': [
    [{ ...mail, tools: [{ ...mail.tools[0], arguments: [{ name: 'to' }, { name: 'to' }] }] }],
    '/services/0/tools/0/arguments',
    /to is declared twice/,
  ],
  'an argument that no policy can name': [
    [{ ...mail, tools: [{ ...mail.tools[0], arguments: [{ name: '__proto__' }] }] }],
    '/services/0/tools/0/arguments',
    /not a name for an argument/,
  ],
  'a tool twice': [[{ ...mail, tools: [...mail.tools, ...mail.tools] }], '/services/0', /"send" is declared twice/],
  'one tool under two names': [
    [{ ...mail, tools: [...mail.tools, { name: 'post', tool: 'send', effect: 'write' }] }],
    '/services/0',
    /"tools\/call send" is declared twice/,
  ],
  'a name of the gateway’s own tools': [
    [{ ...mail, tools: [{ name: 'remit_request', effect: 'read' }] }],
    '/services/0/tools/0/name',
    /a name of Remit's own/,
  ],
  'one of them at the server': [
    [{ ...mail, tools: [{ name: 'ask', tool: 'remit_ask', effect: 'read' }] }],
    '/services/0/tools/0/tool',
    /a name of Remit's own/,
  ],
  'a tool without an effect': [[{ ...mail, tools: [{ name: 'send' }] }], '/services/0/tools/0/effect', /missing/],
  'a type that is none': [
    [{ ...mail, tools: [{ name: 'send', effect: 'write', arguments: [{ name: 'to', type: 'text' }] }] }],
    '/services/0/tools/0/arguments/0/type',
    /none of what this takes/,
  ],
  'a URI with a hole in it': [[{ ...ops, resources: [{ name: 'x', uri: 'a://*/b' }] }], '/services/0/resources/0/uri', /URI of resources/],
  'joining what is not there': [[{ ...desk, joins: ['ops', 'gone'] }, ops], '/services/0', /"gone" is no MCP service/],
  'joining what joins': [[ops, mail, desk, { ...desk, name: 'more', joins: ['agents'] }], '/services/3', /"agents" is no MCP service/],
  'tools beside joining': [[ops, { ...desk, joins: ['ops'], tools: mail.tools }], '/services/1', /no tools of its own/],
  'names that meet': [
    [
      { ...mail, name: 'a', tools: [{ name: 'b__c', effect: 'read' }] },
      { ...mail, name: 'a__b', tools: [{ name: 'c', effect: 'read' }] },
      { ...desk, joins: ['a', 'a__b'] },
    ],
    '/services/2',
    /two of what it joins would be/,
  ],
}

for (const [says, [services, pointer, message]] of Object.entries(wrong)) {
  test(`refused: ${says}`, () => {
    const read = readConfiguration(document(...services))
    const problems = 'problems' in read ? read.problems : []
    assert.ok(
      problems.some((problem) => problem.pointer === pointer && message.test(problem.message)),
      JSON.stringify(problems, undefined, 2),
    )
  })
}
