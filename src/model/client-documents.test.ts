import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopbackRedirect, mayRedirectTo, parseClientId, readClientDocument } from './client-documents.ts'

test('what is a client id', () => {
  const taken = ['https://app.example.com/oauth/client.json', 'https://app.example.com:8443/c', 'https://app.example.com/c?v=2']
  const refused = [
    'app',
    '',
    'http://app.example.com/c',
    'http://127.0.0.1:9/c',
    'https://app.example.com',
    'https://app.example.com/',
    'https://app.example.com/a/../c',
    'https://app.example.com/%2e%2e/c',
    'https://APP.example.com/c',
    'https://app.example.com:443/c',
    'https://user@app.example.com/c',
    'https://:pw@app.example.com/c',
    'https://app.example.com/c#x',
    'https://app.example.com/c#',
    ' https://app.example.com/c',
    'javascript:alert(1)',
    'data:application/json,{}',
    `https://app.example.com/${'x'.repeat(500)}`,
  ]
  for (const text of taken) assert.equal(parseClientId(text, { takesLoopback: false }).ok, true, text)
  for (const text of refused) assert.equal(parseClientId(text, { takesLoopback: false }).ok, false, text)
  assert.equal(parseClientId('http://127.0.0.1:9/c', { takesLoopback: true }).ok, true)
  assert.equal(parseClientId('http://app.example.com/c', { takesLoopback: true }).ok, false)
})

const id = 'https://app.example.com/c'
const good = { client_id: id, client_name: 'App', redirect_uris: ['https://app.example.com/cb'], grant_types: ['authorization_code'] }

test('documents that lie, and those that leave out what is needed', () => {
  const cases: readonly (readonly [Readonly<Record<string, unknown>>, RegExp])[] = [
    [{ client_id: 'https://app.example.com/other' }, /not about this client_id/],
    [{ client_id: undefined }, /not about this client_id/],
    [{ client_name: undefined }, /client_name/],
    [{ client_name: '  ' }, /client_name/],
    [{ client_name: 'x'.repeat(101) }, /client_name/],
    [{ client_secret: 'known-to-all' }, /no client_secret/],
    [{ token_endpoint_auth_method: 'client_secret_basic' }, /PKCE/],
    [{ token_endpoint_auth_method: 'private_key_jwt' }, /PKCE/],
    [{ redirect_uris: [] }, /1 to 50/],
    [{ redirect_uris: 'https://app.example.com/cb' }, /1 to 50/],
    [{ redirect_uris: [7] }, /1 to 50/],
    [{ redirect_uris: Array.from({ length: 51 }, () => 'https://app.example.com/cb') }, /1 to 50/],
    [{ redirect_uris: ['http://app.example.com/cb'] }, /neither https nor/],
    [{ redirect_uris: ['https://app.example.com/cb', 'javascript:alert(1)'] }, /neither https nor/],
    [{ redirect_uris: ['https://app.example.com/cb#part'] }, /neither https nor/],
    [{ redirect_uris: ['https://user@app.example.com/cb'] }, /neither https nor/],
    [{ redirect_uris: ['cursor://anysphere/cb'] }, /neither https nor/],
    [{ grant_types: ['client_credentials'] }, /grant_types/],
    [{ response_types: ['token'] }, /response_types/],
  ]
  for (const [changes, wants] of cases) {
    const read = readClientDocument(id, JSON.parse(JSON.stringify({ ...good, ...changes })))
    assert.match(read.ok ? 'taken' : `${read.refusal.code} ${read.refusal.detail ?? ''}`, wants)
  }
  const read = readClientDocument(id, { ...good, extra: true, grant_types: ['authorization_code', 'refresh_token'] })
  assert.deepEqual(read, { ok: true, value: { id, name: 'App', redirects: ['https://app.example.com/cb'], refreshes: true } })
})

test('where a client is answered', () => {
  const client = { redirects: ['https://app.example.com/cb?x=1', 'http://127.0.0.1:3000/cb', 'http://localhost/cb'] }
  const may = [
    'https://app.example.com/cb?x=1',
    'http://127.0.0.1:3000/cb',
    'http://127.0.0.1:51234/cb',
    'http://127.0.0.1/cb',
    'http://localhost:4000/cb',
  ]
  const mayNot = [
    'https://app.example.com/cb',
    'https://app.example.com/cb?x=1&y=2',
    'https://app.example.com:8443/cb?x=1',
    'https://app.example.com.evil.com/cb?x=1',
    'https://evil.com/?https://app.example.com/cb?x=1',
    'http://app.example.com/cb?x=1',
    'http://127.0.0.1:3000/cb/',
    'http://127.0.0.1:3000/other',
    'http://127.0.0.1:3000/cb?x=1',
    'http://127.0.0.1:3000@evil.com/cb',
    'http://127.0.0.1.evil.com:3000/cb',
    'http://user@127.0.0.1:3000/cb',
    'http://127.0.0.1:3000/cb#x',
    'http://[::1]:3000/cb',
    'https://127.0.0.1:3000/cb',
    '//127.0.0.1/cb',
    '',
  ]
  for (const asked of may) assert.equal(mayRedirectTo(client, asked), true, asked)
  for (const asked of mayNot) assert.equal(mayRedirectTo(client, asked), false, asked)
  assert.equal(isLoopbackRedirect('http://localhost:1/cb'), true)
  assert.equal(isLoopbackRedirect('https://localhost:1/cb'), false)
})
