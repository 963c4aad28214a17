import assert from 'node:assert/strict'
import { test } from 'node:test'
import { completeLock } from './pages/parse-lock-file.ts'

const lock = (packages: object) => `${JSON.stringify({ lockfileVersion: 3, packages }, undefined, 2)}\n`
const wants = (...names: string[]) => ({
  version: '1.0.0',
  dev: true,
  optionalDependencies: Object.fromEntries(names.map((name) => [name, '1.0.0'])),
})

test('a lock file that lacks nothing stays as it is', () => {
  const whole = lock({ 'node_modules/a': wants('@a/linux-x64'), 'node_modules/@a/linux-x64': { version: '1.0.0', optional: true } })
  assert.equal(completeLock(whole), whole)
})

test('what is wanted and absent is added for its system, in its place', () => {
  const { packages } = JSON.parse(
    completeLock(lock({ '': {}, 'node_modules/b': wants('@b/darwin-arm64', '@b/linux-x64-musl', '@b/linux-arm-gnueabihf') })),
  )
  assert.deepEqual(Object.entries(packages).slice(1, 4), [
    ['node_modules/@b/darwin-arm64', { version: '1.0.0', cpu: ['arm64'], dev: true, optional: true, os: ['darwin'] }],
    ['node_modules/@b/linux-arm-gnueabihf', { version: '1.0.0', cpu: ['arm'], dev: true, libc: ['glibc'], optional: true, os: ['linux'] }],
    ['node_modules/@b/linux-x64-musl', { version: '1.0.0', cpu: ['x64'], dev: true, libc: ['musl'], optional: true, os: ['linux'] }],
  ])
})

test('a package whose name does not say its system is not guessed at', () => {
  assert.throws(() => completeLock(lock({ 'node_modules/b': wants('fsevents') })), /lacks fsevents/)
})
