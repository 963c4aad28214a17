import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkNames } from './served-names.ts'

const names = new Set(['remit.example'])

const cases: readonly (readonly [host: string | undefined, origin: string | undefined, isServed: boolean])[] = [
  ['127.0.0.1:8720', undefined, true],
  ['localhost:8720', undefined, true],
  ['[::1]:8720', undefined, true],
  ['10.1.2.3:8720', undefined, true],
  ['remit.example', undefined, true],
  ['REMIT.example:443', undefined, true],
  [undefined, undefined, false],
  ['', undefined, false],
  ['evil.example', undefined, false],
  ['remit.example.evil.example', undefined, false],
  ['localhost@evil.example', undefined, false],
  ['evil.example#localhost', undefined, false],
  ['127.0.0.1.evil.example:8720', undefined, false],
  ['localhost:8720', 'http://localhost:3000', true],
  ['remit.example', 'https://remit.example', true],
  ['10.1.2.3:8720', 'http://10.1.2.3:3000', true],
  ['localhost:8720', 'https://evil.example', false],
  ['localhost:8720', 'http://10.9.9.9', false],
  ['localhost:8720', 'null', false],
  ['localhost:8720', 'file://localhost', false],
  ['localhost:8720', 'http://localhost.evil.example', false],
  ['localhost:8720', '', false],
]
for (const [host, origin, isServed] of cases)
  test(`${host ?? 'no host'}${origin === undefined ? '' : ` from ${origin === '' ? 'an empty origin' : origin}`} is ${isServed ? '' : 'not '}served`, () =>
    assert.equal(checkNames({ host, origin }, names).ok, isServed))
