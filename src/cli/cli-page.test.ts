import assert from 'node:assert/strict'
import { test } from 'node:test'
import { tryCli } from '../../test/cli/try-cli.ts'
import { buildCli, everyCommand } from './build-cli.ts'
import { cliPage, helpOf } from './cli-page.ts'
import { terminalIo } from './io.ts'

const none = () => Promise.reject(new Error('help starts nothing'))
const program = buildCli({
  io: terminalIo(),
  house: {
    up: none,
    check: none,
    testPolicies: none,
    declare: none,
    policyCasesSchema: none,
    rotateKey: none,
    backup: none,
    restore: none,
    newEpoch: none,
    verifyExport: none,
    verifyProof: none,
    witness: none,
    gateway: none,
  },
})
const deeds = [...everyCommand(program)].filter((command) => command.commands.length === 0)

function wordsOf(command: (typeof deeds)[number]): string[] {
  return command.parent === null ? [] : [...wordsOf(command.parent), command.name()]
}

for (const command of deeds) {
  test(`remit ${wordsOf(command).join(' ')} has --json, --help with examples, and a short description`, async () => {
    const { exitCode, out } = await tryCli([...wordsOf(command), '--help'])
    assert.equal(exitCode, 0)
    assert.match(out, /--json/)
    assert.match(out, /\nExamples:\n {2}.*remit /)
    assert.match(command.description(), /^[a-z].{10,80}[^.]$/)
  })
}

test('every command is there', () => {
  const wanted =
    'run eligible request activate extend done drill token whoami grants grant holds hold services applications identities explain approve deny revoke quarantine release login logout up plan apply check invite secret ledger witness exception standing backup restore new-epoch export changes rotate-key trust gateways gateway policy can who-can mcp declare'
  assert.deepEqual(program.commands.map((command) => command.name()).toSorted(), wanted.split(' ').toSorted())
})

test('the page holds what --help prints', () => {
  const page = cliPage()
  for (const command of deeds) assert.ok(page.includes(helpOf(command)), command.name())
  assert.doesNotMatch(page, /\u001b/)
})

test('remit alone, and a group alone, show their help and are a mistake in usage', async () => {
  for (const words of [[], ['ledger'], ['secret']]) {
    const { exitCode, out, err } = await tryCli(words)
    assert.deepEqual([exitCode, out], [2, ''])
    assert.match(err, /^Usage: remit/)
  }
})
