import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { anyPoint } from '../../../test/world/any-point.ts'
import { html, type HtmlValue, writeHtml } from './html.ts'

const written = (document: ReturnType<typeof html>) => writeHtml(document).slice('<!doctype html>\n'.length)

const hostile = `<script>alert(1)</script>"'&`
const escaped = '&lt;script&gt;alert(1)&lt;/script&gt;&quot;&#39;&amp;'
const cases: readonly { readonly says: string; readonly made: ReturnType<typeof html>; readonly want: string }[] = [
  { says: 'text between tags is escaped', made: html`<p>${hostile}</p>`, want: `<p>${escaped}</p>` },
  { says: 'an attribute cannot be left', made: html`<p title="${hostile}"></p>`, want: `<p title="${escaped}"></p>` },
  { says: 'HTML of ours stays HTML', made: html`<p>${html`<b>${'<'}</b>`}</p>`, want: '<p><b>&lt;</b></p>' },
  { says: 'lists are joined', made: html`<ul>${['<', html`<li></li>`, 2]}</ul>`, want: '<ul>&lt;<li></li>2</ul>' },
  { says: 'nothing is nothing', made: html`<p>${undefined}${false}</p>`, want: '<p></p>' },
  {
    says: 'a part of a path cannot leave its segment',
    made: html`<a href="/holds/${'../../x?y#z'}">x</a>`,
    want: '<a href="/holds/..%2F..%2Fx%3Fy%23z">x</a>',
  },
  { says: 'a path of ours is a link', made: html`<a href="${'/waiting?a=1&b=2'}">x</a>`, want: '<a href="/waiting?a=1&amp;b=2">x</a>' },
  {
    says: 'after a script with no value in it comes text again',
    made: html`<script src="/x.js"></script><p>${'<'}</p>`,
    want: '<script src="/x.js"></script><p>&lt;</p>',
  },
]
for (const { says, made, want } of cases) test(says, () => assert.equal(written(made), want))

const bugs: readonly { readonly says: string; readonly make: () => unknown }[] = [
  { says: 'an unquoted attribute', make: () => html`<p title=${'x'}></p>` },
  { says: "a tag's name", make: () => html`<${'p'}></p>` },
  { says: 'the name of an attribute', make: () => html`<p ${'onclick'}="x"></p>` },
  { says: 'an event handler', make: () => html`<p onclick="${'x'}"></p>` },
  { says: 'a style', make: () => html`<p style="${'x'}"></p>` },
  { says: 'a script', make: () => html`<script>${'x'}</script>` },
  { says: 'a style sheet', make: () => html`<style>${'x'}</style>` },
  { says: 'a comment', make: () => html`<!-- ${'x'} -->` },
  { says: 'an address of a script', make: () => html`<a href="${'javascript:alert(1)'}">x</a>` },
  { says: 'an address of another site', make: () => html`<a href="${'//evil.example'}">x</a>` },
  { says: 'an address of another site, with a backslash', make: () => html`<a href="${'/\\evil.example'}">x</a>` },
  { says: 'a part of an address of another site', make: () => html`<a href="https://${'evil.example'}">x</a>` },
  { says: 'HTML in an attribute', make: () => html`<p title="${html`<b></b>`}"></p>` },
]
for (const { says, make } of bugs) test(`no value stands in ${says}`, () => assert.throws(make))

test('whatever the text, it opens no tag and closes no attribute', () => {
  fc.assert(
    fc.property(fc.string({ unit: anyPoint, maxLength: 50 }), (text: HtmlValue & string) => {
      const made = written(html`<p title="${text}">${text}</p>`)
      assert.equal(made.match(/[<>]/g)?.length, 4)
      assert.equal(made.match(/"/g)?.length, 2)
    }),
  )
})
