import assert from 'node:assert/strict'
import test from 'node:test'
import { addressForCounting, clientAddress } from './client-address.ts'

const cases: readonly { readonly remote: string | undefined; readonly want: string; readonly counted: string }[] = [
  { remote: '127.0.0.1', want: '127.0.0.1', counted: '127.0.0.1' },
  { remote: '::ffff:10.1.2.3', want: '10.1.2.3', counted: '10.1.2.3' },
  { remote: '::FFFF:10.1.2.3', want: '10.1.2.3', counted: '10.1.2.3' },
  { remote: '::1', want: '::1', counted: '0:0:0:0::/64' },
  { remote: '2001:DB8:1:2:3:4:5:6', want: '2001:db8:1:2:3:4:5:6', counted: '2001:db8:1:2::/64' },
  { remote: '2001:db8:1:2::9', want: '2001:db8:1:2::9', counted: '2001:db8:1:2::/64' },
  { remote: 'fe80::1%eth0', want: 'fe80::1', counted: 'fe80:0:0:0::/64' },
  { remote: undefined, want: 'unknown', counted: 'unknown' },
  { remote: 'x', want: 'unknown', counted: 'unknown' },
]
for (const { remote, want, counted } of cases) {
  test(`${remote ?? 'no address'} is ${want}, counted as ${counted}`, () => {
    assert.equal(clientAddress(remote), want)
    assert.equal(addressForCounting(want), counted)
  })
}
