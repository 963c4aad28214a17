/** Takes a secret from a person or a program: on the terminal without showing it, or from an open file. */
import { read } from 'node:fs'
import { promisify } from 'node:util'
import { Secret } from '../kernel/secret.ts'

const lengthMax = 1_024
const readFrom = promisify(read)

/** The first line of an open file; a sentence for the operator where there is none. */
export async function readSecretLine(descriptor: number): Promise<Secret | string> {
  const bytes: number[] = []
  const one = Buffer.alloc(1)
  // Byte by byte: what comes behind the line is for somebody else.
  for (;;) {
    const got = await readFrom(descriptor, one, 0, 1, null).catch(() => undefined)
    if (got === undefined) return `file descriptor ${descriptor} cannot be read`
    if (got.bytesRead === 0 || one[0] === 10) break
    bytes.push(one[0] ?? 0)
    if (bytes.length > lengthMax) return `the first line of file descriptor ${descriptor} is too long`
  }
  const line = Buffer.from(bytes).toString('utf8').replace(/\r$/, '')
  return line === '' ? `file descriptor ${descriptor} gave no passphrase` : new Secret(line)
}

/** Asks on the terminal, with the echo off; a sentence where there is no terminal or the person broke off. */
export async function askOnTerminal(prompt: string): Promise<Secret | string> {
  const { stdin, stderr } = process
  if (!stdin.isTTY) return 'there is no terminal to ask on: give it by passphrase:stdin or passphrase:fd:NUMBER'
  // The echo is off before anybody can see that it is asked for: what is typed at once would be shown.
  stdin.setRawMode(true)
  stderr.write(prompt)
  try {
    return await typedLine(stdin)
  } finally {
    stdin.setRawMode(false)
    stdin.pause()
    stderr.write('\n')
  }
}

function typedLine(stdin: NodeJS.ReadStream): Promise<Secret | string> {
  return new Promise((resolve) => {
    let typed: string[] = []
    const finish = (line: Secret | string) => {
      stdin.off('data', onData)
      stdin.off('end', onEnd)
      resolve(line)
    }
    const onEnd = () => finish('no passphrase was given')
    const onData = (chunk: Buffer | string) => {
      for (const letter of chunk.toString('utf8')) {
        if (letter === '\r' || letter === '\n') return finish(typed.length === 0 ? 'no passphrase was given' : new Secret(typed.join('')))
        if (letter === '\u0003' || letter === '\u0004') return onEnd()
        if (letter === '\u007f' || letter === '\b') typed = typed.slice(0, -1)
        else if (letter === '\u0015') typed = []
        else if (letter >= ' ' && typed.length < lengthMax) typed.push(letter)
      }
    }
    stdin.on('data', onData).on('end', onEnd).resume()
  })
}
