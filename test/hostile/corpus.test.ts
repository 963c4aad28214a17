/** Every exchange of the corpus, whole, byte by byte and cut at random, against a real gateway; nginx reads what came through. */
import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import test, { after } from 'node:test'
import { type HostileExchange, readExchanges, unescape, type WantedEnd } from './exchange-text.ts'
import { type HeardAnswer, HostileClient } from './hostile-client.ts'
import { openHostileHouse, upstreamSecret } from './hostile-house.ts'
import { checkLaws, forget, type WentUp } from './laws.ts'
import { Chance, pieces, randomPieces } from './pieces.ts'

const folder = new URL('corpus/', import.meta.url)
const exchanges = readdirSync(folder)
  .filter((name) => name.endsWith('.txt'))
  .sort()
  .flatMap((name) => readExchanges(name, readFileSync(new URL(name, folder), 'utf8')))
const house = await openHostileHouse({ after: (work) => after(work) })
const tally = { ran: 0, refused: 0, forwarded: 0, answers: 0 }
/** Long ones are cut into so many pieces and not into single bytes, which would take minutes. */
const piecesMax = 1_500
const seed = Number(process.env['REMIT_HOSTILE_SEED'] ?? 20_261)

type Cut = (bytes: Buffer) => readonly Buffer[]

for (const [place, exchange] of exchanges.entries()) {
  test(`${exchange.file}: ${exchange.says}`, async () => {
    const chance = new Chance(seed + place)
    const cuts: readonly (readonly [says: string, cut: Cut, pieces: number])[] = [
      ['whole', (bytes) => [bytes], 1],
      ['byte by byte', (bytes) => pieces(bytes, piecesMax), piecesMax],
      [`cut at random (seed ${seed})`, (bytes) => randomPieces(bytes, chance), 1 + chance.below(6)],
    ]
    for (const [says, cut, count] of cuts) {
      try {
        await hold(exchange, cut, count)
      } catch (error) {
        throw new Error(`${says}: ${error instanceof Error ? error.message : ''}\nwhy it matters: ${exchange.why}`, { cause: error })
      }
    }
    tally.ran += 1
    if (exchange.answer !== undefined) tally.answers += 1
    else if (exchange.wants.some(({ what }) => what === 'forwarded')) tally.forwarded += 1
    else tally.refused += 1
  })
}

test('the corpus is as large as it says', (context) => {
  const answers = exchanges.filter(({ answer }) => answer !== undefined).length
  assert.ok(exchanges.length - answers >= 150, `${exchanges.length - answers} requests`)
  assert.ok(answers >= 30, `${answers} answers`)
  const names = exchanges.map(({ file, says }) => `${file}: ${says}`)
  assert.deepEqual(
    names.filter((name, at) => names.indexOf(name) !== at),
    [],
    'each has a name of its own',
  )
  const { ran, refused, forwarded } = tally
  context.diagnostic(
    `${ran} of ${exchanges.length} exchanges as they must be: ${refused} refused, ${forwarded} forwarded, ${tally.answers} answers of the upstream's; all the same to nginx`,
  )
})

async function hold(exchange: HostileExchange, cut: Cut, count: number): Promise<void> {
  const { upstream, port } = house
  forget(house)
  upstream.mark(exchange.answer === undefined ? undefined : { ...exchange.answer, pieces: count })
  const answered = exchange.wants.filter(({ what }) => what !== 'dropped' && what !== 'cut')
  const client = await HostileClient.open(
    port,
    exchange.wants.map(({ line }) => line.split(' ')[0] ?? ''),
  )
  try {
    for (const step of exchange.steps) await client.take(step, cut)
    const isHeard = () => client.heard.answers.length >= answered.length && answered.length === exchange.wants.length
    assert.ok(await client.until(isHeard), `nothing more came after: ${shown(client.heardBytes)}`)
    const own = client.heard.answers.length
    if (exchange.connection === 'closed')
      assert.ok(await client.until(() => false), `the connection stays open after: ${shown(client.heardBytes)}`)
    else if (isHeard()) await checkGoesOn(client, own, exchange.connection === 'open')
    checkHeard(exchange, client, own)
    if (exchange.answer !== undefined) await checkSecondReading(exchange, client.heard.answers.slice(0, own))
  } finally {
    client.destroy()
  }
  await checkBarrier()
  const wentUp = await checkLaws(house, upstream.received())
  checkUpstream(
    exchange,
    wentUp.filter(({ target }) => target !== '/probe' && target !== '/barrier'),
  )
}

/** Both sides must agree on where the next request begins. */
async function checkGoesOn(client: HostileClient, own: number, mustBeOpen: boolean): Promise<void> {
  if (!client.isClosed) await client.ask('GET', request('/probe'))
  assert.ok(await client.until(() => client.heard.answers.length > own), 'the next request on the connection is not answered')
  const next = client.heard.answers[own]
  if (next !== undefined)
    assert.equal(next.body.toString(), '{"saw":"GET /probe"}', 'the next request on the connection hears another answer')
  else assert.ok(!mustBeOpen, `the connection must go on after: ${shown(client.heardBytes)}`)
}

/** Another client hears its own answer, and whatever was under way before has come to the upstream. */
async function checkBarrier(): Promise<void> {
  const client = await HostileClient.open(house.port, ['GET'])
  await client.send([request('/barrier')])
  await client.until(() => client.heard.answers.length > 0)
  client.destroy()
  assert.equal(client.heard.answers[0]?.body.toString(), '{"saw":"GET /barrier"}', 'the next client hears another answer')
}

function checkHeard({ wants }: HostileExchange, client: HostileClient, own: number): void {
  const { answers, flaw, rest } = client.heard
  const said = shown(client.heardBytes)
  assert.equal(flaw, undefined, said)
  assert.ok(!client.heardBytes.includes(upstreamSecret), 'the client sees the upstream’s secret')
  let place = 0
  for (const want of wants) {
    const answer = place < own ? answers[place] : undefined
    if (want.what === 'cut') {
      assert.equal(answer, undefined, `an answer that broke off reads like a whole one: ${said}`)
      continue
    }
    if (want.what === 'dropped' && answer === undefined) {
      assert.equal(rest.byteLength, 0, said)
      continue
    }
    place += 1
    checkAnswer(answer, want, said)
  }
  assert.equal(own, place, `more answers than requests: ${said}`)
}

function checkAnswer(answer: HeardAnswer | undefined, { what, statuses, codes, line, atClient }: WantedEnd, said: string): void {
  assert.ok(answer !== undefined, `not answered: ${said}`)
  if (statuses.length > 0) assert.ok(statuses.includes(answer.status), `${statuses.join(' or ')} wanted: ${said}`)
  if (what === 'forwarded') {
    if (atClient.length === 0) assert.equal(answer.body.toString(), line.startsWith('HEAD ') ? '' : JSON.stringify({ saw: line }), said)
  } else {
    assert.ok(answer.status >= 400, said)
    assert.equal(answer.headers.get('content-type'), 'application/problem+json', said)
    const [, code = ''] = /"type":"urn:remit:refusal:([a-z.-]+)"/.exec(answer.body.toString()) ?? []
    // The answer to HEAD is a head alone.
    if (codes.length > 0 && !line.startsWith('HEAD ')) assert.ok(codes.includes(code), `${codes.join(' or ')} wanted: ${said}`)
  }
  for (const fact of atClient)
    checkFact(fact, (name) =>
      name === 'body' ? answer.body.toString('latin1') : name === 'interim' ? answer.interim.join(' ') : answer.headers.get(name),
    )
}

/** A proxy of another make, between this gateway and its client, would hear the same answers. */
async function checkSecondReading({ wants }: HostileExchange, answers: readonly HeardAnswer[]): Promise<void> {
  for (const [place, { status, body, bytes }] of answers.entries()) {
    const understood = await house.reader.readAnswer(wants[place]?.line.split(' ')[0] ?? 'GET', bytes)
    assert.equal(understood?.status, status, `nginx hears another status in ${shown(bytes)}`)
    assert.equal(understood?.body.toString('latin1'), body.toString('latin1'), `nginx hears another body in ${shown(bytes)}`)
  }
}

function checkUpstream({ wants, answer }: HostileExchange, wentUp: readonly WentUp[]): void {
  const wanted = wants.filter(({ what, line }) => what !== 'refused' && line !== '')
  const lines = wentUp.map(({ method, target }) => `${method} ${target}`)
  const mayBePart = answer?.isEarly === true || wants.some(({ what }) => what === 'dropped')
  if (!mayBePart)
    assert.ok(
      house.upstream.received().every(({ part }) => part.byteLength === 0),
      'a part of a request went up',
    )
  // Answered early, it need not have gone up to its end.
  if (answer?.isEarly !== true || lines.length > 0)
    assert.deepEqual(
      lines,
      wanted.map(({ line }) => line),
      'what went up',
    )
  for (const [place, { atUpstream, what }] of wanted.entries()) {
    const request = wentUp[place]
    if (request === undefined || (what !== 'forwarded' && atUpstream.length === 0)) continue
    const values = (name: string) =>
      request.head
        .split('\r\n')
        .filter((text) => text.toLowerCase().startsWith(`${name}: `))
        .map((text) => text.slice(name.length + 2))
    for (const fact of atUpstream.filter((each) => !each.startsWith('body:')))
      checkFact(fact, (name) => (values(name).length === 0 ? undefined : values(name).join(' | ')))
    const body = atUpstream.find((each) => each.startsWith('body:'))
    checkBody(request, body)
  }
}

function checkBody(request: WentUp, fact: string | undefined): void {
  const wanted = fact === undefined ? Buffer.alloc(0) : unescape(fact.slice('body: '.length))
  assert.equal(request.bodyLength, wanted.byteLength, 'the length of the body that went up')
  assert.equal(request.bodySha256, createHash('sha256').update(wanted).digest('hex'), 'the body that went up')
}

function checkFact(fact: string, valueOf: (name: string) => string | undefined): void {
  if (fact.startsWith('!')) {
    assert.equal(valueOf(fact.slice(1)), undefined, fact)
    return
  }
  const colon = fact.indexOf(':')
  assert.equal(valueOf(fact.slice(0, colon)), unescape(fact.slice(colon + 1).trim()).toString('latin1'), fact)
}

function request(target: string): Buffer {
  return Buffer.from(`GET ${target} HTTP/1.1\r\nHost: shop.test\r\nAuthorization: Bearer live\r\n\r\n`, 'latin1')
}

function shown(bytes: Buffer): string {
  return bytes.byteLength === 0 ? 'silence' : JSON.stringify(bytes.toString('latin1').slice(0, 1_500))
}
