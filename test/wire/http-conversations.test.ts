/** The conversations in test/wire/http, held with a real gateway in front of a real upstream. */
import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import test, { after } from 'node:test'
import { startHttpGateway } from '../../src/gateways/http/gateway.ts'
import { type Conversation, converse, type HeardAnswer, readConversations } from './conversation.ts'
import { RulesControl, systemClock } from './rules-control.ts'
import { route, service } from './services.ts'
import { keepingLog, recordingUpstream } from './upstreams.ts'

const secret = 'upstream-secret-value'
const upstream = await recordingUpstream({ after: (work) => after(work) })
const routes = [
  route('listIncidents', 'GET', '/incidents', { 'query.state?': 'string', 'query.tag?': 'strings', 'query.limit?': 'long' }),
  route('readIncident', 'GET', '/incidents/{id}'),
  route('headIncident', 'HEAD', '/incidents/{id}'),
  route('restart', 'POST', '/services/{name}/restart', { 'body.reason?': 'string', 'body.count?': 'long' }),
  route('wipe', 'POST', '/services/all/wipe'),
  route('act', 'POST', '/services/{name}/wipe'),
  route('telemetry', 'POST', '/telemetry'),
  route('files', 'PUT', '/files/{path*}'),
]
const control = new RulesControl({
  services: [service('shop', `http://127.0.0.1:${upstream.port}`, routes)],
  rule: (action) => (action.operation === 'wipe' ? 'action.forbidden' : 'allow'),
  secrets: { shop: `Bearer ${secret}` },
})
control.letIn('live')
const log = keepingLog()
const gateway = await startHttpGateway({ control, clock: systemClock, log, listen: { host: '127.0.0.1' } })
after(() => gateway.close(0))
const port = Number(new URL(gateway.urls()['shop'] ?? '').port)

const folder = new URL('http/', import.meta.url)
for (const name of readdirSync(folder).filter((file) => file.endsWith('.txt'))) {
  for (const conversation of readConversations(readFileSync(new URL(name, folder), 'utf8'))) {
    test(`${name}: ${conversation.says}`, async () => {
      upstream.received.length = 0
      const { answers, closed } = await converse(port, conversation.bytes, {
        answers: conversation.answers.length,
        closes: conversation.closes,
      })
      assert.equal(answers.length, conversation.answers.length, JSON.stringify(answers))
      for (const [place, wanted] of conversation.answers.entries()) checkAnswer(answers[place], wanted)
      assert.equal(closed, conversation.closes)
      checkUpstream(conversation)
      assert.ok(!JSON.stringify([answers, log.lines]).includes(secret))
    })
  }
}

function checkAnswer(heard: HeardAnswer | undefined, { status, code, headers }: Conversation['answers'][number]): void {
  assert.equal(heard?.status, status, heard?.body ?? 'nothing')
  if (code !== undefined) {
    assert.equal(heard?.headers.get('content-type'), 'application/problem+json')
    assert.equal(heard?.headers.get('cache-control'), 'no-store')
    assert.match(heard?.body ?? '', new RegExp(`"type":"urn:remit:refusal:${code.replaceAll('.', String.raw`\.`)}"`))
    assert.match(heard?.body ?? '', /"decision":"dec_/)
  }
  for (const fact of headers) checkFact(fact, (name) => heard?.headers.get(name))
}

function checkUpstream({ upstream: wanted }: Conversation): void {
  assert.deepEqual(
    upstream.received.map(({ line }) => line),
    wanted.map(({ line }) => line),
  )
  for (const [place, { facts }] of wanted.entries()) {
    const { headers = [], body = '' } = upstream.received[place] ?? {}
    const valueOf = (name: string) => {
      const values = headers.filter((_, at) => at % 2 === 1 && headers[at - 1]?.toLowerCase() === name)
      return values.length === 0 ? undefined : values.join(' | ')
    }
    // Of every request that went up, whatever the conversation is about.
    assert.equal(valueOf('authorization'), `Bearer ${secret}`)
    assert.equal(valueOf('host'), `127.0.0.1:${upstream.port}`)
    for (const fact of facts) checkFact(fact, (name) => (name === 'body' ? body : valueOf(name)))
  }
}

function checkFact(fact: string, valueOf: (name: string) => string | undefined): void {
  if (fact.startsWith('!')) {
    assert.equal(valueOf(fact.slice(1)), undefined, fact)
    return
  }
  const colon = fact.indexOf(':')
  assert.equal(valueOf(fact.slice(0, colon)), fact.slice(colon + 1).trim(), fact)
}
