import assert from 'node:assert/strict'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { after, before, test } from 'node:test'
import { openBrowser, type Person } from './browser.ts'
import { askForTokens, flowOf, type Flow, OauthHouse, redeeming } from './oauth-clients.ts'

let house: OauthHouse
let zoe: Person
/** The client at the person's own computer, and a site of a stranger, which frames and links. */
let client: Server
let callback: string

before(async () => {
  house = await OauthHouse.open()
  client = createServer((request, response) => {
    response.writeHead(200, { 'content-type': 'text/html' })
    const { pathname, searchParams } = new URL(request.url ?? '/', 'http://here')
    const to = (searchParams.get('to') ?? '').replaceAll('&', '&amp;')
    if (pathname === '/frames') response.end(`<iframe src="${to}" width="800" height="800"></iframe>`)
    else if (pathname === '/links') response.end(`<a href="${to}">free tools</a>`)
    else response.end('<h1>Back at the client</h1>')
  })
  await new Promise<void>((resolve) => client.listen(0, '127.0.0.1', resolve))
  callback = `http://127.0.0.1:${(client.address() as AddressInfo).port}/callback`
  zoe = await openBrowser()
  await zoe.page.goto(house.api.origin + (await house.api.invitation('zoe')))
  await zoe.page.click('text=Create the passkey')
  await zoe.page.waitForURL('**/waiting')
})
after(async () => {
  await zoe.close()
  client.closeAllConnections()
  client.close()
  await house.close()
})

const pageOf = ({ query }: Flow) => `${house.api.origin}/oauth/authorize?${new URLSearchParams(query).toString()}`

test('a person who is not signed in signs in, sees who asks, says yes, and is back at the client', async () => {
  const { page, context } = zoe
  const flow = flowOf(house.client, { redirect_uri: callback })
  await context.clearCookies()
  await page.goto(pageOf(flow))
  await page.click('text=Sign in with a passkey')
  await page.waitForURL('**/oauth/authorize?**')
  const shown = await page.innerText('main')
  for (const part of [
    '127.0.0.1',
    'A test client',
    'nobody has checked that',
    callback,
    'http://127.0.0.1:8999/mcp',
    'the operation restart of ops, where service is “checkout”, once',
  ])
    assert.ok(shown.includes(part), `${part} in ${shown}`)
  assert.deepEqual(await page.locator('select[name=agent] option').allInnerTexts(), ['zoes'])
  await page.click('text=Let it act, and sign')
  await page.waitForURL(`${callback}?**`)
  const back = new URL(page.url())
  assert.equal(back.searchParams.get('state'), 'the state & more')
  assert.equal(back.searchParams.get('iss'), house.api.origin)
  const tokens = await askForTokens(house.api, redeeming(flow, back.searchParams.get('code') ?? ''))
  assert.equal(tokens.status, 200, JSON.stringify(tokens))
  assert.deepEqual(
    zoe.complaints.filter((each) => !each.includes('favicon')),
    [],
  )
})

test('a no takes no passkey', async () => {
  const { page } = zoe
  await zoe.verify(false)
  await page.goto(pageOf(flowOf(house.client, { redirect_uri: callback })))
  await page.click('button:text-is("No")')
  await page.waitForURL(`${callback}?**`)
  assert.equal(new URL(page.url()).searchParams.get('error'), 'access_denied')
  await zoe.verify(true)
})

test('a yes without the person verified is none', async () => {
  const { page } = zoe
  await zoe.verify(false)
  await page.goto(pageOf(flowOf(house.client, { redirect_uri: callback })))
  await page.click('text=Let it act, and sign')
  await page.waitForSelector('.progress.problem')
  assert.match(page.url(), /\/oauth\/authorize\?/)
  await zoe.verify(true)
})

test('a link on another site leads to the whole page', async () => {
  const { page } = zoe
  const to = pageOf(flowOf(house.client, { redirect_uri: callback }))
  await page.goto(`${new URL(callback).origin}/links?to=${encodeURIComponent(to)}`)
  await page.click('text=free tools')
  await page.waitForSelector('text=Let a client act for you')
  assert.equal(page.url(), to)
})

test('nobody frames the page to have it clicked unseen', async () => {
  const { page } = zoe
  const to = pageOf(flowOf(house.client, { redirect_uri: callback }))
  // What stands in the frame is known when it has gone there, not when the page around it is loaded.
  const framed = page.waitForEvent('framenavigated', (frame) => frame.parentFrame() !== null && frame.url() !== 'about:blank')
  await page.goto(`${new URL(callback).origin}/frames?to=${encodeURIComponent(to)}`)
  assert.match((await framed).url(), /^chrome-error:/)
})

test('who owns no agent reads how to come by one', async () => {
  const dan = await openBrowser()
  try {
    await dan.page.goto(house.api.origin + (await house.api.invitation('dan')))
    await dan.page.click('text=Create the passkey')
    await dan.page.waitForURL('**/waiting')
    await dan.page.goto(pageOf(flowOf(house.client, { redirect_uri: callback })))
    assert.match(await dan.page.innerText('main'), /You own no agent.*kind: ai-agent and owner: dan/s)
    assert.equal(await dan.page.locator('form[data-remit=authorize]').count(), 0)
  } finally {
    await dan.close()
  }
})
