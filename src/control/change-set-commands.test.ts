import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Service } from '../model/services.ts'
import { commandLines } from './change-set-commands.ts'
import { serviceLines } from './change-set-services.ts'

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

test('one that arrives says what it is given, and one that changes what is other', () => {
  const told = { ...mail, user: 'mailer', variables: ['MAIL_TOKEN'], asks: ['elicitation'] } as const
  const picture = (...services: Service[]) => ({ services: new Map(services.map((each) => [each.id, each])) }) as never
  const says = (before: unknown, after: unknown) => serviceLines(before as never, after as never).map((each) => each.says)
  const first =
    '0 operations at the command node mail.mjs, run as mailer, handed MAIL_TOKEN, asking its clients for elicitation, prod, up to tier 0'
  assert.deepEqual(says(picture(), picture(told)), [first])
  assert.deepEqual(says(picture(told), picture({ ...told, user: 'root' })), ['runs as root instead of as mailer'])
})
