import assert from 'node:assert/strict'
import test from 'node:test'
import { writeHtml } from './html.ts'
import { localPath, signInInstead } from './sign-in-instead.ts'

const origin = 'http://localhost:4000'
const id = 'grn_01ARZ3NDEKTSV4RRFFQ69G5FAV'

const cases: readonly { readonly next: string; readonly want: string | undefined }[] = [
  { next: `/requests/${id}`, want: `/requests/${id}` },
  { next: '/waiting', want: '/waiting' },
  { next: '/device?code=BCDF-GHJK', want: '/device?code=BCDF-GHJK' },
  { next: 'https://evil.example/waiting', want: undefined },
  { next: '//evil.example/waiting', want: undefined },
  { next: '/\\evil.example/waiting', want: undefined },
  { next: '/waiting\\..', want: undefined },
  { next: '/holds/../sign-out', want: undefined },
  { next: '/%2e%2e/sign-out', want: undefined },
  { next: '/waiting\r\nset-cookie: x', want: undefined },
  { next: '/\t/evil.example/waiting', want: undefined },
  { next: 'javascript:alert(1)', want: undefined },
  { next: '/v1/grants', want: undefined },
  { next: '', want: undefined },
]
for (const { next, want } of cases)
  test(`after signing in, "${next}" leads ${want ?? 'nowhere'}`, () => assert.equal(localPath(next, origin), want))

test('who is not signed in goes to sign in, and comes back', () => {
  assert.deepEqual(signInInstead(origin, { url: '/waiting', site: 'same-origin' }), { to: '/sign-in?next=%2Fwaiting' })
})

test('a link followed from another site is tried once more from ours, where the strict cookie comes along', () => {
  const { html } = signInInstead(origin, { url: `/requests/${id}`, site: 'cross-site' })
  assert.match(html === undefined ? '' : writeHtml(html), new RegExp(`content="0;url=/requests/${id}"`))
})
