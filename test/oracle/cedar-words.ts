/** The names and texts that random policies, entities and requests share, so that they meet each other often. */

export const attributeNames = ['a', 'n', 's', 'e', 'r', 't', 'x', 'constructor', '__proto__', 'two words']
export const typeNames = ['Role', 'Human', 'A::Agent', 'Action', 'Thing']
export const entityTexts = [
  'Role::"r0"',
  'Role::"r1"',
  'Role::"r2"',
  'Human::"h0"',
  'Human::"h1"',
  'A::Agent::"a0"',
  'A::Agent::"gone"',
  'Action::"go"',
  'Action::"any"',
  'Thing::"t0"',
  'Thing::"t1"',
]

/** Texts of the extension types, good ones and ones just beyond what Cedar takes, and the characters they are made of. */
export const formats = {
  decimal: {
    texts: '1.5 1.50 -0.0001 0.0 1.23456 12 .5 01.5 922337203685477.5807 922337203685477.5808 -922337203685477.5808 +1.0'.split(' '),
    characters: '0123456789.-+e ',
  },
  datetime: {
    texts: [
      ...['2024-10-15', '2024-10-15T11:35:00Z', '2024-10-15T11:35:00.123Z', '2024-10-15T11:35:00+0130', '2024-02-30', '0000-01-01'],
      ...['1969-12-31T23:59:59.999-2359', '2024-10-15T24:00:00Z', '2024-10-15T11:35:00+2400', '9999-12-31', '2024-10-15T11:35Z'],
    ],
    characters: '0123456789TZ:-+. ',
  },
  duration: {
    texts: ['1h', '1d2h3m4s5ms', '-1d', '0ms', '90m', '5ms', '', '-', '1h1d', '1ms1s', '106751991167d', '106751991168d', '1m1ms', '36h'],
    characters: '0123456789dhms-+ ',
  },
  ip: {
    texts: [
      ...['10.0.0.1', '10.0.0.1/32', '10.0.0.0/8', '10.0.0.1/8', '010.0.0.1', '127.0.0.1', '127.0.0.0/7', '224.1.1.1', '10.0.0.1/33'],
      ...['::1', '::1/128', '::/0', 'ff02::1', '2001:db8::/32', '::ffff:1.2.3.4', '1::2::3', '10.0.0.1/08', '0.0.0.0/0', 'fe80::1%eth0'],
    ],
    characters: '0123456789abcdefF.:/ ',
  },
} as const satisfies Readonly<Record<string, { readonly texts: readonly string[]; readonly characters: string }>>

export function quoted(text: string): string {
  return JSON.stringify(text)
}
