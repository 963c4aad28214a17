/** HTML in which everything is escaped unless it is HTML of ours already, and nothing can be put where escaping does not help. */

export class Html {
  readonly #text: string

  private constructor(text: string) {
    this.#text = text
  }

  static write(html: Html): string {
    return html.#text
  }

  static of(strings: TemplateStringsArray, values: readonly HtmlValue[]): Html {
    const places = placesOf(strings)
    let text = strings[0] ?? ''
    values.forEach((value, place) => {
      text += placed(value, places[place] ?? 'text') + (strings[place + 1] ?? '')
    })
    return new Html(text)
  }
}

/** `false` and `undefined` are nothing. */
export type HtmlValue = Html | string | number | false | undefined | readonly HtmlValue[]

/** Where a value stands: between tags, in a quoted attribute, or in one that is an address: as all of it or as a part of its path. */
type Place = 'text' | 'attribute' | 'address' | 'address-part'

/** A template of HTML. Throws, as a bug, on a value in a tag's name, an unquoted attribute, a script, a style or a comment. */
export function html(strings: TemplateStringsArray, ...values: readonly HtmlValue[]): Html {
  return Html.of(strings, values)
}

export function writeHtml(document: Html): string {
  return `<!doctype html>\n${Html.write(document)}`
}

function placed(value: HtmlValue, place: Place): string {
  if (value === undefined || value === false) return ''
  if (value instanceof Html) {
    if (place !== 'text') throw new Error('HTML does not stand in an attribute')
    return Html.write(value)
  }
  if (typeof value === 'string' || typeof value === 'number') return escapeText(inPlace(`${value}`, place))
  return value.map((each) => placed(each, place)).join('')
}

function inPlace(text: string, place: Place): string {
  if (place === 'address-part') return encodeURIComponent(text)
  return place === 'address' ? ownPath(text) : text
}

function ownPath(path: string): string {
  if (!/^(?:#|\/(?![/\\]))/.test(path)) throw new Error('a page links to its own site only')
  return path
}

const escapes: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => escapes[character] ?? '')
}

const known = new WeakMap<TemplateStringsArray, readonly Place[]>()
const addressNames = new Set(['href', 'src', 'action', 'formaction'])

/** Read once per template: what stands before each value decides what the value may be. */
function placesOf(strings: TemplateStringsArray): readonly Place[] {
  const seen = known.get(strings)
  if (seen !== undefined) return seen
  const places: Place[] = []
  let before = ''
  for (const part of strings.slice(0, -1)) {
    before += part
    places.push(placeAfter(before))
    // A value stays in its place: as text it opens nothing, in an attribute it does not close it.
    before += 'x'
  }
  known.set(strings, places)
  return places
}

function placeAfter(before: string): Place {
  let at = 0
  for (;;) {
    const opens = before.indexOf('<', at)
    if (opens < 0) return 'text'
    const rest = before.slice(opens)
    const [whole, name = ''] = /^<\/?([a-zA-Z][\w-]*)(?:\s+[a-zA-Z-]+(?:="[^"]*")?)*\s*\/?>/.exec(rest) ?? []
    if (whole === undefined) return placeInTag(rest)
    at = opens + whole.length
    if (!/^<(?:script|style)\b/i.test(whole)) continue
    at = before.indexOf(`</${name}>`, at)
    if (at < 0) throw new Error('no value stands in a script or a style')
  }
}

function placeInTag(tag: string): Place {
  const [, attribute = 'on', before = ''] = /^<[a-zA-Z][\w-]*(?:\s+[a-zA-Z-]+(?:="[^"]*")?)*\s+([a-zA-Z-]+)="([^"]*)$/.exec(tag) ?? []
  if (/^(?:on|style)/i.test(attribute)) throw new Error('a value stands between tags or in a quoted attribute')
  if (!addressNames.has(attribute.toLowerCase())) return 'attribute'
  if (before === '') return 'address'
  ownPath(before)
  return 'address-part'
}
