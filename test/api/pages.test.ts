import assert from 'node:assert/strict'
import { createServer } from 'node:http'
import test, { after, before } from 'node:test'
import { proposeException } from '../../src/control/exceptions.ts'
import { mustBe } from '../../src/kernel/result.ts'
import { shopDocument } from '../world/shop.ts'
import { type ApiHouse, openApiHouse } from './api-house.ts'
import { openBrowser, type Person } from './browser.ts'
import { ask, hold } from './held.ts'

let api: ApiHouse
let ben: Person
let eva: Person

before(async () => {
  api = await openApiHouse({ document: shopDocument({ people: [{ name: 'ana' }, { name: 'ben' }, { name: 'eva' }, { name: 'zoe' }] }) })
  ;[ben, eva] = await Promise.all([openBrowser(), openBrowser()])
})
after(async () => {
  await Promise.all([ben, eva].map((person) => person.close()))
  await api.close()
})

test('the first administrator chooses a name and registers a passkey, once', async () => {
  const first = await openBrowser()
  try {
    const link = await api.invitation('nobody')
    await first.page.goto(api.origin + link)
    assert.match(await first.page.innerText('h1'), /first administrator/)
    await first.page.fill('input[name=name]', 'ana')
    await first.page.click('text=Create the passkey')
    await first.page.waitForURL('**/waiting')
    assert.match(await first.page.innerText('.signed-in'), /ana/)
    const [cookie] = await first.context.cookies()
    assert.deepEqual([cookie?.name, cookie?.httpOnly, cookie?.sameSite, cookie?.path], ['remit-person-main', true, 'Strict', '/'])
    assert.equal((await first.page.goto(api.origin + link))?.status(), 404)
    assert.deepEqual(
      first.complaints.filter((each) => !each.includes('404')),
      [],
    )
  } finally {
    await first.close()
  }
})

test('whoever is invited registers, signs out, and signs in again', async () => {
  for (const [person, name] of [
    [ben, 'ben'],
    [eva, 'eva'],
  ] as const) {
    await person.page.goto(api.origin + (await api.invitation(name)))
    assert.match(await person.page.innerText('h1'), new RegExp(name))
    await person.page.click('text=Create the passkey')
    await person.page.waitForURL('**/waiting')
  }
  await ben.page.click('text=Sign out')
  await ben.page.waitForURL('**/sign-in')
  assert.deepEqual(await ben.context.cookies(), [])
  await ben.page.click('text=Sign in with a passkey')
  await ben.page.waitForURL('**/waiting')
  assert.match(await ben.page.innerText('.signed-in'), /ben/)
})

test('a request is approved for less: a shorter time, one line gone, fewer uses, and more slowly', async () => {
  const { page } = eva
  const { id } = await ask(api, 'bot', {
    task: 'release',
    statement: 'ship 4.2',
    scope: ['shop/deploy,uses=3,rate=5/1m', 'read:shop', 'shop/restart'],
  })
  await page.goto(`${api.origin}/waiting`)
  await page.click(`a[href="/requests/${id}"]`)
  assert.match(await page.innerText('ol.scope'), /3 times.*at most 5 in any 1m/s)
  await page.selectOption('select[name=duration]', '15m')
  await page.uncheck('input[name=line][value="2"]')
  await page.fill('input[name="uses-0"]', '1')
  await page.fill('input[name="rates-0"]', '2')
  await page.fill('input[name="where-0"]', 'version~4.*')
  await page.click('text=Approve and sign')
  await page.waitForSelector('h1 .badge:has-text("approved")')
  const grant = api.house.desk.facts.grant(id)
  assert.deepEqual(
    [
      grant?.state,
      grant?.duration,
      grant?.scope.map(({ resource, uses, rate, arguments: given }) => [resource, uses, rate?.atMost, given?.['version']?.like]),
    ],
    [
      'approved',
      900_000,
      [
        ['shop/deploy', 1, 2, '4.*'],
        ['shop', undefined, undefined, undefined],
      ],
    ],
  )
  assert.match(await page.innerText('main'), /eva.*allowing less than was asked/)
  assert.equal(await page.locator('form[data-remit=answer]').count(), 0)
})

test('a held action is shown byte for byte, and denied', async () => {
  const { page } = ben
  const held = await hold(api, { headers: [['content-type', 'application/json']], body: '{"after": 30.50}' })
  await page.goto(`${api.origin}/holds/${held.id}`)
  const shown = await page.innerText('main')
  for (const part of [
    'POST /services/checkout/restart',
    'content-type',
    '{"after": 30.50}',
    '16 bytes',
    'restart-needs-a-person',
    'checkout answers slowly',
    'moderate impact: a mistake is felt and can be mended; each action is recorded before it is forwarded',
  ])
    assert.ok(shown.includes(part), part)
  assert.doesNotMatch(shown, /a grant lasts/, 'one action is asked about')
  await page.click('text=Deny and sign')
  await page.waitForSelector('h1 .badge:has-text("denied")')
  assert.equal(api.house.desk.facts.hold(held.id)?.state, 'denied')
})

test('a held action shows where its arguments came from, in our words, and nothing of a name is markup', async () => {
  const { page } = ben
  const provenance = { service: { kind: 'untrusted', call: 3, source: 'mail/<b>read</b>' } } as const
  const held = await hold(api, { service: 'till-backdoor', provenance })
  await page.goto(`${api.origin}/holds/${held.id}`)
  const shown = await page.innerText('main')
  assert.match(shown, /till-backdoor\s+seen in result 3, from mail\/<b>read<\/b>, which anybody may have written/)
  assert.match(shown, /They are hints and no proof/)
  assert.equal(await page.locator('main b:text-is("read")').count(), 0)
})

test('an exception stands before everything else, and is approved for less by somebody else', async () => {
  const { page } = ben
  const { desk } = api.house
  const exception = mustBe(
    await proposeException(
      desk,
      { machine: 'the operator' },
      {
        identity: 'bot',
        owner: 'eva',
        scope: ['shop/deploy', 'read:shop'],
        reason: 'the <b>old</b> batch cannot ask',
        remediation: ['teach it to ask'],
        expiresAt: desk.clock.now() + 60 * 86_400_000,
      },
    ),
  )
  await eva.page.goto(`${api.origin}/exceptions/${exception.id}`)
  assert.match(await eva.page.innerText('.answer'), /You cannot answer this/, 'its owner')
  await page.goto(`${api.origin}/waiting`)
  await page.click(`a[href="/exceptions/${exception.id}"]`)
  const shown = await page.innerText('main')
  for (const part of [
    'bot is to keep a standing privilege',
    'the <b>old</b> batch',
    'eva',
    'teach it to ask',
    'POST /deployments',
    'up to tier',
    'is recorded before it is forwarded',
  ])
    assert.ok(shown.includes(part), part)
  assert.doesNotMatch(shown, /a grant lasts/, 'it has an end of its own')
  await page.selectOption('select[name=duration]', '14d')
  await page.uncheck('input[name=line][value="0"]')
  await page.click('text=Approve and sign')
  await page.waitForSelector('h1 .badge:has-text("active")')
  const kept = [...desk.facts.exceptionsOf(exception.identity)].find(({ id }) => id === exception.id)
  assert.deepEqual(kept?.blast.operations, ['shop/list-incidents'])
  assert.ok((kept?.expiresAt ?? 0) - (kept?.approvedAt ?? 0) <= 14 * 86_400_000)
  await page.click('text=Permits through')
  await page.click(`a[href="/requests/${kept?.grant ?? ''}"]`)
  assert.match(await page.innerText('main'), /this is a standing privilege/)
  await eva.page.goto(`${api.origin}/waiting`)
  assert.match(await eva.page.innerText('main'), /^Standing privilege[\s\S]*bot keeps 1 operation of shop/)
})

test('what an agent writes cannot change what the approver reads', async () => {
  const { page } = ben
  const statement = '</pre><script>document.title="gone"</script>\u202Ehsinif\u202C <b>approved by ana</b>\u200b'
  const held = await hold(api, {
    statement,
    service: 'сheckout',
    headers: [['x-note', '"><img src=x onerror=alert(1)>']],
    body: Uint8Array.from([0x00, 0xff, 0x41]),
  })
  await page.goto(`${api.origin}/holds/${held.id}`)
  const shown = await page.innerText('main')
  for (const part of [
    '</pre><script>',
    '<b>approved by ana</b>',
    'U+202E',
    'U+200B',
    '\\u{0441}heckout',
    '"><img src=x onerror=alert(1)>',
    '3 bytes that are not text',
    '00 ff 41',
  ])
    assert.ok(shown.includes(part), part)
  assert.equal(await page.locator('main script, main img, main b:has-text("approved")').count(), 0)
  assert.notEqual(await page.title(), 'gone')
})

test('a signature without user verification is none, and the page says so', async () => {
  const { page } = ben
  const held = await hold(api, { body: 'again' })
  await page.goto(`${api.origin}/holds/${held.id}`)
  await ben.verify(false)
  try {
    await page.click('text=Approve and sign')
    await page.waitForSelector('.progress.problem')
    assert.match(await page.innerText('.progress'), /Nothing was signed/)
    assert.equal(await page.isEnabled('text=Approve and sign'), true)
  } finally {
    await ben.verify(true)
  }
  assert.equal(api.house.desk.facts.hold(held.id)?.state, 'waiting')
  await page.click('text=Approve and sign')
  await page.waitForSelector('h1 .badge:has-text("approved")')
})

test('what changed since the page was opened is not signed', async () => {
  const { page } = eva
  const { id } = await ask(api, 'bot', { task: 'release', statement: 'ship 4.3', scope: ['shop/deploy'] })
  await page.goto(`${api.origin}/requests/${id}`)
  await page.locator('form[data-remit=answer]').evaluate((form) => form.setAttribute('data-digest', 'v1:0'))
  await page.click('text=Approve and sign')
  await page.waitForSelector('.progress.problem')
  assert.match(await page.innerText('.progress'), /changed since you opened the page/)
  assert.equal(api.house.desk.facts.grant(id)?.state, 'pending')
})

test('a command line is confirmed after its address was shown', async () => {
  const { page } = ben
  const started = await fetch(`${api.origin}/oauth/device_authorization`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '',
  })
  const { verification_uri_complete: uri } = (await started.json()) as { verification_uri_complete: string }
  await page.goto(uri)
  assert.equal(await page.isVisible('text=It is mine'), false)
  await page.click('text=Look it up')
  await page.waitForSelector('text=It is mine')
  assert.match(await page.innerText('[data-address]'), /^(?:127\.0\.0\.1|::1)$/)
  await page.click('text=It is mine')
  await page.waitForSelector('.progress.good')
})

test('who is not signed in signs in and comes back to the page; who may not see it finds nothing', async () => {
  const { id } = await ask(api, 'bot', { task: 'release', statement: 'ship 4.4', scope: ['shop/deploy'] })
  const zoe = await openBrowser()
  try {
    await zoe.page.goto(api.origin + (await api.invitation('zoe')))
    await zoe.page.click('text=Create the passkey')
    await zoe.page.waitForURL('**/waiting')
    const theirs = await zoe.page.goto(`${api.origin}/requests/${id}`)
    const shown = await theirs?.text()
    const nothing = await zoe.page.goto(`${api.origin}/requests/grn_01ARZ3NDEKTSV4RRFFQ69G5FAV`)
    assert.deepEqual([theirs?.status(), nothing?.status()], [404, 404])
    assert.equal(shown, await nothing?.text())
    await zoe.context.clearCookies()
    await zoe.page.goto(`${api.origin}/device?code=BCDF-GHJK`)
    assert.match(zoe.page.url(), /\/sign-in\?next=/)
    await zoe.page.click('text=Sign in with a passkey')
    await zoe.page.waitForURL('**/device?code=BCDF-GHJK')
    await zoe.page.goto(`http://127.0.0.1:${api.port}/waiting`)
    assert.equal(zoe.page.url(), `${api.origin}/waiting`, 'pages live at one origin')
  } finally {
    await zoe.close()
  }
})

test('a link in a chat leads a signed-in person straight to the page', async () => {
  const chat = createServer((_request, response) => response.end(`<a href="${api.origin}/waiting">please answer</a>`))
  await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve))
  try {
    const address = chat.address()
    // 127.0.0.1 is another site than localhost, so a strict cookie does not come with the first request.
    await ben.page.goto(`http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`)
    await ben.page.click('text=please answer')
    await ben.page.waitForSelector('.signed-in')
    assert.equal(ben.page.url(), `${api.origin}/waiting`)
  } finally {
    chat.close()
  }
})

test('nothing was blocked, failed to load, or was our fault', () => {
  const expected = /status of (?:401|403|404)/
  assert.deepEqual(
    [...ben.complaints, ...eva.complaints].filter((each) => !expected.test(each)),
    [],
  )
  assert.deepEqual(api.logged, [])
})
