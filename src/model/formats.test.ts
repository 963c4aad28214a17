/** Formats of arguments: what is one address, one host, one day, and what only looks like it. */
import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import { type Format, formats, isFormat, isOfFormat } from './formats.ts'

const taken: Record<Format, readonly string[]> = {
  email: ['bob@example.com', 'b.o.b+x@mail.example.co', 'a_b-c=~@x-y.example'],
  https: ['https://docs.example', 'https://docs.example/', 'https://docs.example:8443/a/b?c=d#e', 'https://xn--bcher-kva.example/%C3%BC'],
  host: ['docs.example', 'a-b.c9.Example'],
  uuid: ['123e4567-e89b-12d3-a456-426614174000', '123E4567-E89B-12D3-A456-426614174000'],
  date: ['2026-02-28', '2024-02-29', '2000-02-29'],
  'date-time': ['2026-11-22T06:22:26Z', '2026-11-22T06:22:26.123456789+01:00', '0000-01-01T23:59:59-23:59'],
}

const refused: Record<Format, readonly string[]> = {
  email: [
    '',
    'bob',
    'bob@localhost',
    'bob@example.com,eve@evil.example',
    'bob@example.com;eve@evil.example',
    'Bob <bob@example.com>',
    'bob@example.com ',
    ' bob@example.com',
    'bob@example.com\n',
    'eve%evil.example@example.com',
    'evil.example!eve@example.com',
    '"a b"@example.com',
    'bob@@example.com',
    '.bob@example.com',
    'bob.@example.com',
    'b..b@example.com',
    'bob@[192.0.2.1]',
    'bob@192.0.2.1',
    'bоb@example.com',
    'bob@ехample.com',
    `${'b'.repeat(65)}@example.com`,
  ],
  https: [
    'http://docs.example/',
    'https:docs.example/',
    'https:/docs.example',
    'https://docs.example@evil.example/',
    'https://user:word@docs.example/',
    'https://docs.example/../secret',
    'https://docs.example/a/%2e%2e/secret',
    'https://docs.example\\@evil.example/',
    'https://Docs.example/',
    'https://docs.example:443/',
    'https://dоcs.example/',
    'https://docs.example/ü',
    'https://docs.example/\tx',
    'https://docs.example/ ',
    'https://0x7f.1/',
    'https://',
    `https://docs.example/${'x'.repeat(2_048)}`,
  ],
  host: [
    'localhost',
    'docs.example.',
    '.example',
    'a..b',
    '-a.example',
    'a-.example',
    '127.0.0.1',
    '1.2.3.0x4.5',
    'a_b.example',
    'a.example/x',
    'ü.example',
  ],
  uuid: ['123e4567e89b12d3a456426614174000', '{123e4567-e89b-12d3-a456-426614174000}', '123e4567-e89b-12d3-a456-42661417400g'],
  date: ['2026-02-29', '1900-02-29', '2026-13-01', '2026-00-10', '2026-04-31', '2026-1-1', '26-01-01', '2026-01-01Z', '２０２６-01-01'],
  'date-time': [
    '2026-11-22',
    '2026-11-22T06:22:26',
    '2026-11-22t06:22:26z',
    '2026-11-22 06:22:26Z',
    '2026-11-22T24:00:00Z',
    '2026-11-22T06:60:00Z',
    '2026-12-31T23:59:60Z',
    '2026-11-22T06:22:26+24:00',
    '2026-11-31T06:22:26Z',
  ],
}

describe('a format', () => {
  for (const format of formats) {
    test(`${format} takes what it is`, () => {
      for (const text of taken[format]) assert.equal(isOfFormat(format, text), true, text)
    })
    test(`${format} takes nothing else`, () => {
      for (const text of refused[format]) assert.equal(isOfFormat(format, text), false, JSON.stringify(text))
    })
    test(`${format} never takes two of them, nor one with something around it`, () => {
      const piece = fc.constantFrom(...taken[format])
      const between = fc.constantFrom(' ', ',', ';', '\n', '\t', '\0', '|', '<', '>', '"', '\u200b', '\u202e')
      fc.assert(
        fc.property(piece, between, piece, (one, sign, other) => {
          for (const text of [`${one}${sign}${other}`, `${one}${sign}`, `${sign}${one}`])
            assert.equal(isOfFormat(format, text), false, text)
        }),
        { numRuns: 300 },
      )
    })
    test(`${format} reads what is long in a time that grows no faster than it`, () => {
      for (const text of ['a', '.', 'a.', '-', '@', 'a@', '1'].map((part) => part.repeat(200_000))) isOfFormat(format, text)
    })
  }

  test('of a page is its own only reading: no other host, whoever reads it', () => {
    fc.assert(
      fc.property(
        fc.string({
          unit: fc.constantFrom('https://', 'docs.example', '@', '/', '\\', '?', '#', ':', '..', 'evil.example', '%2e', ' '),
          maxLength: 8,
        }),
        (text) => {
          if (!isOfFormat('https', text)) return
          const authority = /^https:\/\/([^/?#]*)/.exec(text)?.[1]
          assert.equal(authority, new URL(text).host)
        },
      ),
      { numRuns: 3_000 },
    )
  })

  test('that is not on the list is none', () => {
    for (const text of ['', 'mail', 'Email', 'uri', 'toString', '__proto__']) assert.equal(isFormat(text), false, text)
  })
})
