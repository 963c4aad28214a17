/** Forms that name a second method, in every spelling that some framework reads as one. */
import assert from 'node:assert/strict'
import test from 'node:test'
import { checkForm, formKind, PartNames } from './overrides.ts'

for (const body of [
  '_method=DELETE',
  'x=1&_method=DELETE',
  '%5Fmethod=x',
  '%5fm%65thod=x',
  '.method=x',
  '+_method=x',
  '_METHOD=x',
  '_method[]=x',
  'a;_method=x',
  '_method',
])
  test(`refused: ${body}`, () => assert.ok(!checkForm(Buffer.from(body)).ok))
for (const body of ['', 'method=card', 'x=_method', 'a_method=1', 'x=1&y=%zz'])
  test(`passes: ${body}`, () => assert.ok(checkForm(Buffer.from(body)).ok))

const part = (disposition: string) => `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\nDELETE\r\n--b--\r\n`

for (const name of ['name="_method"', 'name=_method', 'NAME = "_method"', 'name="\\_method"', 'filename="a"; name="_method"'])
  test(`refused in a part, however it is cut: ${name}`, () => {
    const bytes = Buffer.from(part(name))
    for (let cut = 0; cut < bytes.byteLength; cut += 1) {
      const names = new PartNames()
      assert.ok(
        [bytes.subarray(0, cut), bytes.subarray(cut)].some((piece) => !names.check(piece).ok),
        `${cut}`,
      )
    }
  })

test('other parts pass', () => assert.ok(new PartNames().check(Buffer.from(part('name="payment_method"; filename="_method.txt"'))).ok))

test('by its media type', () => {
  assert.equal(formKind('Application/X-WWW-Form-Urlencoded; charset=utf-8'), 'urlencoded')
  assert.equal(formKind('multipart/form-data; boundary=b'), 'multipart')
  assert.equal(formKind('application/json'), undefined)
})
