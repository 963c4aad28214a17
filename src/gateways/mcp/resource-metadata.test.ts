import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { AskHint, Refusal, RefusalCode } from '../../kernel/refusals.ts'
import type { JsonObject } from '../../kernel/json.ts'
import { readConfiguration } from '../../model/configuration.ts'
import type { Service } from '../../model/services.ts'
import { resourceHook } from './resource-metadata.ts'

const impact = { data: 'low', service: 'low', safety: 'none' }
const server = (name: string, tools: readonly object[]) => ({
  name,
  protocol: 'mcp',
  upstream: 'http://127.0.0.1:9/mcp',
  environment: 'test',
  impact,
  tools,
})
const document = {
  version: 1,
  space: 'main',
  policyFiles: [],
  services: [
    server('ops', [
      { name: 'look', effect: 'read' },
      { name: 'watch', effect: 'observe' },
      { name: 'restart', effect: 'execute' },
    ]),
    server('mail', [{ name: 'send', effect: 'write' }]),
    { name: 'roof', protocol: 'mcp', joins: ['ops', 'mail'], environment: 'test', impact },
  ],
}

function services(): ReadonlyMap<string, Service> {
  const read = readConfiguration(document as unknown as JsonObject)
  if (!('configuration' in read)) throw new Error(JSON.stringify(read.problems))
  return new Map(read.configuration.services.map(({ name, ...rest }) => [name, { ...rest, id: name, space: 'main' } as unknown as Service]))
}

const known = services()
const hook = resourceHook({ service: (name) => known.get(name) }, () => 'https://remit.example')
const origin = 'https://mcp.example:8443'
const at = (name: string): Service => known.get(name) ?? assert.fail(name)

test('the metadata of an endpoint, and of one that joins others', () => {
  const told = (name: string, path: string) => JSON.parse(hook.metadata(at(name), origin, path) ?? 'null') as Record<string, unknown> | null
  assert.deepEqual(told('roof', '/mcp'), {
    resource: `${origin}/mcp`,
    authorization_servers: ['https://remit.example'],
    scopes_supported: ['execute:ops', 'observe:ops', 'read:ops', 'write:mail'],
    bearer_methods_supported: ['header'],
    resource_name: 'ops, mail',
  })
  assert.deepEqual(told('ops', ''), told('ops', '/mcp'))
  for (const path of ['/', '/mcp/', '/other', '/mcp/more']) assert.equal(told('ops', path), null, path)
  const early = resourceHook({ service: (name) => known.get(name) }, () => '')
  assert.equal(early.metadata(at('ops'), origin, '/mcp'), undefined, 'nobody knows yet where the pages are')
  assert.equal(early.challenge(at('ops'), origin, { code: 'credential.missing' }), undefined)
})

const ask = (...resources: readonly string[]): readonly AskHint[] =>
  resources.map((resource) => ({ task: 'incident', actions: ['execute'], resource, command: 'remit request' }))
const metadata = `resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp"`

test('what a refusal says to ask for', () => {
  const cases: readonly (readonly [string, Refusal, string | undefined])[] = [
    ['ops', { code: 'credential.missing' }, `Bearer ${metadata}, scope="observe:ops read:ops"`],
    ['mail', { code: 'credential.missing' }, `Bearer ${metadata}`],
    [
      'mail',
      { code: 'credential.invalid', detail: 'it "ended"\n' },
      `Bearer error="invalid_token", error_description="this credential is not accepted here: it 'ended'?", ${metadata}`,
    ],
    [
      'ops',
      { code: 'grant.missing', ask: ask('ops/restart', 'ops/restart') },
      `Bearer error="insufficient_scope", error_description="no live grant covers this action", ${metadata}, scope="ops/restart"`,
    ],
    ['ops', { code: 'grant.missing' }, undefined],
    ['ops', { code: 'grant.missing', ask: ask('a"b', 'a b', 'a\\b') }, undefined],
    ['ops', { code: 'action.forbidden', ask: ask('ops/restart') }, undefined],
    ['ops', { code: 'action.held', ask: ask('ops/restart') }, undefined],
    ['ops', { code: 'identity.quarantined', ask: ask('ops/restart') }, undefined],
  ]
  for (const [name, refusal, wants] of cases) assert.equal(hook.challenge(at(name), origin, refusal), wants, `${name} ${refusal.code}`)
})

test('every refusal that a grant would change can say so, and no other', () => {
  const grants: readonly RefusalCode[] = [
    'grant.missing',
    'grant.not-covered',
    'grant.arguments',
    'grant.ended',
    'grant.uses-spent',
    'grant.sum-spent',
    'session.ended',
  ]
  for (const code of grants)
    assert.match(hook.challenge(at('ops'), origin, { code, ask: ask('ops/look') }) ?? '', /insufficient_scope/, code)
})
