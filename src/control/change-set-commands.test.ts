import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../model/services.ts'
import { commandInWords, commandLines } from './change-set-commands.ts'

const mail: Service = {
  id: 'mail',
  space: 'main',
  protocol: 'mcp',
  upstream: '',
  command: ['node', 'mail.mjs'],
  port: 0,
  environment: 'prod',
  impact: { data: 'low', service: 'low', safety: 'none' },
  labels: [],
  routes: [],
}

const rows: readonly (readonly [says: string, old: Partial<Service>, now: Partial<Service>, words: string | undefined])[] = [
  ['nothing', {}, {}, undefined],
  ['another user', { user: 'mailer' }, { user: 'root' }, 'runs as root instead of as mailer'],
  ['no user any more', { user: 'mailer' }, {}, "runs as its gateway's own user instead of as mailer"],
  ['a variable more', {}, { variables: ['MAIL_TOKEN'] }, "is handed MAIL_TOKEN of its gateway's environment instead of nothing"],
  ['questions', { asks: ['sampling'] }, { asks: ['sampling', 'roots'] }, 'may ask its clients for sampling, roots instead of sampling'],
  [
    'the same words, put together in another way',
    {},
    { command: ['node mail.mjs'] },
    'has its command in other words: ["node mail.mjs"] instead of ["node","mail.mjs"]',
  ],
]

for (const [says, old, now, words] of rows)
  test(`a command with ${says}`, () => {
    const lines = commandLines({ ...mail, ...old }, { ...mail, ...now })
    const want = words === undefined ? [] : [{ kind: 'service', name: 'mail', what: 'change', class: 'widens', says: words }]
    assert.deepEqual(lines, want)
  })

test('one that arrives says what it is given', () => {
  const service: Service = { ...mail, user: 'mailer', variables: ['MAIL_TOKEN'], asks: ['elicitation'] }
  assert.equal(commandInWords(service), ', run as mailer, handed MAIL_TOKEN, asking its clients for elicitation')
  assert.equal(commandInWords(mail), '')
})
