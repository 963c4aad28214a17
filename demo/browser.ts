/**
 * A browser without a screen, for machines that have none: opens a page that Remit printed, as one person with a passkey made in software.
 *
 *     sh tools/with-node.sh demo/browser.ts [--keys FOLDER] PERSON PAGE [approve|deny]
 *
 * Only a Remit that was started with --demo takes what it signs.
 */
import { parseArgs } from 'node:util'
import { SoftwareAuthenticator } from '../src/host/software-authenticator.ts'
import { keepPasskeys, recallPasskeys } from './passkeys.ts'
import { DemoPerson } from './person.ts'

const { values, positionals } = parseArgs({ allowPositionals: true, options: { keys: { type: 'string', default: '.remit/people' } } })
const [person = '', page = '', decision] = positionals

try {
  process.stdout.write(`${await open(new URL(page))}\n`)
} catch (thrown) {
  process.stderr.write(`${thrown instanceof Error ? thrown.message : 'it did not work'}\n`)
  process.exitCode = 1
}

/** Does what a person would do on that page. */
async function open(url: URL): Promise<string> {
  const [, kind, subject = ''] = url.pathname.split('/')
  const known = kind === 'register' ? undefined : await recallPasskeys(values.keys, person)
  if (known === undefined && kind !== 'register')
    throw new Error(`${person} has no passkey in ${values.keys}: open the registration link first`)
  const authenticator = known ?? new SoftwareAuthenticator()
  const visitor = new DemoPerson(person, url.origin, authenticator)
  try {
    switch (kind) {
      case 'register':
        await visitor.register(url.href)
        return `${person} has registered a passkey`
      case 'device':
        await visitor.signIn()
        await visitor.confirmCommandLine(url.searchParams.get('code') ?? '')
        return `${person} has confirmed the command line`
      case 'requests':
      case 'holds':
      case 'exceptions':
      case 'changes':
        if (decision !== 'approve' && decision !== 'deny') throw new Error('say approve or deny')
        await visitor.signIn()
        await visitor.answer(subject, decision)
        return `${person} has signed: ${decision}`
      default:
        throw new Error('this is not a page on which something is signed')
    }
  } finally {
    await keepPasskeys(values.keys, person, authenticator)
  }
}
