/**
 * The demo, whole, as somebody at a terminal runs it: its story must come true, whether the demo's people sign or whoever sits there,
 * and every process of it must be gone afterwards.
 */
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { DemoPerson } from '../../demo/person.ts'
import { SoftwareAuthenticator } from '../../src/host/software-authenticator.ts'

const main = fileURLToPath(new URL('../../demo/main.ts', import.meta.url))

interface Ended {
  readonly code: number | null
  readonly output: string
}

/** On a pseudo terminal; each question is answered by the next of the answers. */
function runDemo(answers: readonly ((asked: string) => Promise<string>)[]): Promise<Ended> {
  const child = spawn('script', ['-qec', `"${process.execPath}" --disable-warning=ExperimentalWarning "${main}" --exit`, '/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const waiting = [...answers]
  let output = ''
  let seen = 0
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const asked = output.slice(seen)
    if (!asked.includes('then type "done": ')) return
    seen = output.length
    void waiting
      .shift()?.(asked)
      .then((line) => child.stdin.write(`${line}\r`))
  })
  return new Promise((resolve) => child.once('close', (code) => resolve({ code, output })))
}

/** Does what the demo tells somebody who wants to sign: makes a passkey at the link, and says yes on the page. */
async function signAsYou(asked: string): Promise<string> {
  const link = /http:\S+\/register\/\S+/.exec(asked)?.[0] ?? ''
  const subject = /hld_\w+/.exec(asked)?.[0] ?? ''
  const you = new DemoPerson('you', new URL(link).origin, new SoftwareAuthenticator())
  await you.register(link)
  await you.answer(subject, 'approve')
  return 'done'
}

/** Ends with the last that has its output in hand: the demo, and Remit below it. */
async function stoppedBy(signal: NodeJS.Signals): Promise<Ended & { readonly url: string }> {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', main, '--exit', '--yes'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let output = ''
  let url = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    const [, said = ''] = /Remit answers on (http:\S+);/.exec(output) ?? []
    if (said !== '' && url === '') child.kill(signal)
    url ||= said
  })
  return new Promise((resolve) => child.once('exit', (code) => resolve({ code, output, url })))
}

for (const [signal, code] of [
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)
  test(`stopped in the middle by ${signal}, the demo leaves no Remit behind`, async () => {
    const ended = await stoppedBy(signal)
    assert.equal(ended.code, code, ended.output)
    const answers = () =>
      fetch(`${ended.url}/v1/health`).then(
        () => true,
        () => false,
      )
    while (await answers()) await new Promise((resolve) => setTimeout(resolve, 50))
  })

test('the demo tells its story at a terminal, and every part of it is so', async () => {
  const { code, output } = await runDemo([() => Promise.resolve(''), signAsYou])
  assert.equal(code, 0, output)
  assert.doesNotMatch(output, /NOT SO/)
  assert.match(output, /eva signed a yes/)
  assert.doesNotMatch(output, /ben signed a yes/)
  for (const seen of [
    'what went on without its wrapper lost its privilege within seconds',
    'checkout was restarted once, after a person had signed',
    'a second restart was refused',
    'incidents were none of its business',
    'from another one: 401',
    'its grant ended as contained',
    'every leaf, head, journal line and anchor checks',
  ]) {
    // The mark is green on a terminal.
    assert.match(output, new RegExp(`✔\\S* .*${seen}`))
  }
  // The shop's secret begins with this word and a UUID: nothing that was printed may hold it.
  assert.doesNotMatch(output, /shop-[0-9a-f]{8}-/)
})
