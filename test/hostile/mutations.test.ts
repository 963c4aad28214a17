/** Valid requests, damaged by chance: whatever becomes of them, the laws hold, and nginx agrees with the gateway. */
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { atRest } from '../wire/manual-clock.ts'
import { HostileClient } from './hostile-client.ts'
import { type HostileHouse, openHostileHouse } from './hostile-house.ts'
import { checkLaws, forget } from './laws.ts'
import { Chance, randomPieces } from './pieces.ts'

const seed = Number(process.env['REMIT_HOSTILE_SEED'] ?? 7_919)
const count = Number(process.env['REMIT_HOSTILE_COUNT'] ?? 2_000)
const atOnce = 50

const head = 'Host: shop.test\r\nAuthorization: Bearer live\r\n'
const json = `${head}Content-Type: application/json\r\n`
const smuggled = `GET /admin/x HTTP/1.1\r\n${head}\r\n`
const valid: readonly string[] = [
  `GET /a/b/c HTTP/1.1\r\n${head}\r\n`,
  `GET /a?a=1&tags=x&tags=y&limit=20 HTTP/1.1\r\n${head}Accept: */*\r\n\r\n`,
  `GET /caf%C3%A9/x%20y?q=a%2Bb HTTP/1.1\r\n${head}Connection: keep-alive, X-Hop\r\nX-Hop: 1\r\n\r\n`,
  `DELETE /items/7 HTTP/1.1\r\n${head}If-Match: "a"\r\n\r\n`,
  `POST /telemetry HTTP/1.1\r\n${head}Content-Length: 11\r\n\r\nhello world`,
  `POST /telemetry HTTP/1.1\r\n${head}Content-Length: ${smuggled.length}\r\n\r\n${smuggled}`,
  `POST /telemetry HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\nX-T: 1\r\n\r\n`,
  `PUT /files/a.txt HTTP/1.1\r\n${head}Transfer-Encoding: chunked\r\n\r\n${smuggled.length.toString(16)}\r\n${smuggled}\r\n0\r\n\r\n`,
  `POST /restart/x HTTP/1.1\r\n${json}Content-Length: 28\r\n\r\n{"reason":"stuck","count":2}`,
  `POST /restart/x HTTP/1.1\r\n${json}Transfer-Encoding: chunked\r\n\r\n10\r\n{"reason":"a","c\r\n8\r\nount":2}\r\n0\r\n\r\n`,
  `POST /telemetry HTTP/1.1\r\n${head}Expect: 100-continue\r\nContent-Length: 5\r\n\r\nhello`,
  `GET /a HTTP/1.1\r\n${head}\r\nGET /b HTTP/1.1\r\n${head}\r\n`,
  `POST /a HTTP/1.1\r\n${head}Content-Length: 3\r\n\r\nabc${smuggled}GET /b HTTP/1.1\r\n${head}\r\n`,
]
/** Put in where chance wants it: single characters that readers differ on, and whole headers. */
const insertions = [
  ...'\r\n\0 \t:;,%./\\0159+-_"\'()@#?&=xXgG\x0b\x0c\x7f\x85\xa0\xff',
  '\r\n',
  '\n\n',
  '\r\n\r\n',
  '\r\n ',
  '\r\n0\r\n\r\n',
  '\r\nTransfer-Encoding: chunked',
  '\r\nTransfer-Encoding: identity',
  '\r\nContent-Length: 0',
  '\r\nContent-Length: 5',
  '\r\nHost: other.test',
  '\r\nConnection: close',
  '\r\nX_A: b',
  '%2e',
  '%00',
  '../',
  '//',
  ' HTTP/1.1',
  smuggled,
] as const
const last = `GET /the-last HTTP/1.1\r\n${head}Connection: close\r\n\r\n`

const house = await openHostileHouse({ after: (work) => after(work) })

test(`${count} damaged requests`, async (context) => {
  const chance = new Chance(seed)
  const tally = { sent: 0, forwarded: 0, refused: 0 }
  while (tally.sent < count) {
    const damaged = Array.from({ length: Math.min(atOnce, count - tally.sent) }, () => damage(chance))
    const begun = tally.sent
    tally.sent += damaged.length
    try {
      forget(house)
      house.upstream.mark()
      await Promise.all(damaged.map((text) => converse(text, chance.below(1_000_000))))
      const wentUp = await checkLaws(house, house.upstream.received())
      assert.ok(wentUp.length <= house.control.allowed.length)
      tally.forwarded += wentUp.filter(({ target }) => target !== '/the-last').length
      tally.refused += refusals(house)
    } catch (error) {
      throw new Error(
        `seed ${seed}, requests from ${begun}: ${error instanceof Error ? error.message : ''}\n${damaged.map((each) => JSON.stringify(each)).join('\n')}`,
        {
          cause: error,
        },
      )
    }
  }
  context.diagnostic(`${tally.sent} damaged requests: ${tally.refused} refused, ${tally.forwarded} forwarded, all the same to nginx`)
  assert.ok(tally.forwarded > count / 20 && tally.refused > count / 5, 'chance has not tried both')
})

function refusals({ control }: HostileHouse): number {
  return control.refusals.length
}

/** One of the valid requests with one to three things done to it. */
function damage(chance: Chance): string {
  let text = chance.oneOf(valid)
  for (let times = 1 + chance.below(3); times > 0; times -= 1) {
    const at = chance.below(text.length)
    const end = Math.min(text.length, at + 1 + chance.below(chance.oneOf([1, 4, 40])))
    const part = text.slice(at, end)
    switch (chance.below(6)) {
      case 0:
        text = text.slice(0, at) + text.slice(end)
        break
      case 1:
        text = text.slice(0, end) + part + text.slice(end)
        break
      case 2:
        text = text.slice(0, at) + String.fromCharCode(chance.below(256)) + text.slice(at + 1)
        break
      case 3:
        text =
          text.slice(0, at) +
          (part === part.toLowerCase() ? part.toUpperCase() : part.toLowerCase()).slice(0, part.length) +
          text.slice(end)
        break
      case 4:
        // Behind a line's end, where headers and chunks begin, as often as anywhere.
        text = insert(text, chance.below(2) === 0 ? at : Math.max(0, text.indexOf('\r\n', at)), chance.oneOf(insertions))
        break
      default: {
        const other = chance.oneOf(valid)
        text = text.slice(0, at) + other.slice(chance.below(other.length))
      }
    }
  }
  return text
}

function insert(text: string, at: number, part: string): string {
  return text.slice(0, at) + part + text.slice(at)
}

/** Sends it with a valid request behind it, which asks for the end of the connection, and checks what comes back. */
async function converse(text: string, own: number): Promise<void> {
  const client = await HostileClient.open(house.port)
  await client.send(randomPieces(Buffer.from(text + last, 'latin1'), new Chance(own)))
  // What has not been answered when all is quiet may be waiting for more: the client then says that there is none.
  if (!client.isClosed) await atRest(() => client.heardBytes.byteLength)
  if (!client.isClosed) await client.take({ does: 'end' }, () => [])
  const isOver = await client.until(() => false)
  const { answers, flaw, rest } = client.heard
  client.destroy()
  assert.ok(isOver, `neither answered nor ended: ${JSON.stringify(text)}`)
  assert.equal(flaw, undefined, `${JSON.stringify(text)}: ${JSON.stringify(client.heardBytes.toString('latin1'))}`)
  assert.equal(rest.byteLength, 0, `half an answer to ${JSON.stringify(text)}`)
  for (const { status, body } of answers) assert.ok(status >= 400 || body.toString().startsWith('{"saw":"'), 'an answer that is nobody’s')
}
