import assert from 'node:assert/strict'
import test from 'node:test'
import { endedCookie, personCookie, readPersonCookie } from './cookies.ts'

const value = 'A'.repeat(43)

test('the cookie is for this site, this hour, and no script', () => {
  const cookie = personCookie(value, { expiresAt: 3_600_000, now: 0, space: 'main', origin: 'http://localhost:4000' })
  assert.equal(cookie, `remit-person-main=${value}; HttpOnly; SameSite=Strict; Path=/; Max-Age=3600`)
  assert.match(personCookie(value, { expiresAt: 1, now: 0, space: 'main', origin: 'https://remit.example' }), /; Secure$/)
  assert.match(endedCookie({ space: 'main', origin: 'http://localhost:4000' }), /^remit-person-main=; .*Max-Age=0$/)
})

const headers: readonly { readonly header: string | undefined; readonly want: string | undefined }[] = [
  { header: `remit-person-main=${value}`, want: value },
  { header: `theme=dark; remit-person-main=${value}; x=y`, want: value },
  { header: `remit-person-main=${value}; remit-person-main=${'B'.repeat(43)}`, want: undefined },
  { header: `xremit-person-main=${value}`, want: undefined },
  { header: 'remit-person-main=', want: undefined },
  { header: `remit-person-other=${value}`, want: undefined },
  { header: `remit-person-other=${'B'.repeat(43)}; remit-person-main=${value}`, want: value },
  { header: `remit-person-main="${value}"`, want: undefined },
  { header: undefined, want: undefined },
]
for (const { header, want } of headers)
  test(`Cookie: ${header ?? 'none'} names ${want === undefined ? 'nobody' : 'a person'}`, () =>
    assert.equal(readPersonCookie(header, 'main'), want))
