/** Text that somebody else wrote, shown so that it cannot pretend: what would not be seen, or would turn the line around, is spelt out. */
import { html, type Html, type HtmlValue } from './html.ts'

/**
 * Characters that show as nothing or steer how others show: controls, formats (directions, joiners, tags, soft hyphens), fillers and
 * selectors that Unicode lets a font leave out, line and paragraph separators, private, lone and unassigned ones, an empty Braille
 * cell, spaces that are not the plain one; and marks piled so high that they would cover the lines around.
 */
const odd = /[\p{Cc}\p{Cf}\p{DI}\p{Zl}\p{Zp}\p{Co}\p{Cs}\p{Cn}\u2800]|(?! )\p{Zs}|\p{M}{4,}/gu

/** On one line: line breaks and tabs are spelt out too. */
export function visible(text: string): Html {
  return html`<bdi class="said">${spelt(text, false)}</bdi>`
}

/** As a block that keeps its lines and tabs. */
export function visibleBlock(text: string): Html {
  return html`<pre class="said" dir="ltr"><bdi>${spelt(text, true)}</bdi></pre>`
}

/** Whether there is anything but plain ASCII in it: letters of other scripts can look the same. */
export function hasOtherLetters(text: string): boolean {
  return /[^\x20-\x7e\t\r\n]/.test(text)
}

/** The same text with everything that is not ASCII as code points, to tell letters apart that look alike. */
export function asCodePoints(text: string): string {
  return [...text].map((character) => (/[\x20-\x7e\t\r\n]/.test(character) ? character : `\\u{${codeOf(character)}}`)).join('')
}

function spelt(text: string, keepsLines: boolean): HtmlValue[] {
  const parts: HtmlValue[] = []
  let from = 0
  for (const match of text.matchAll(odd)) {
    const [found] = match
    if (keepsLines && (found === '\n' || found === '\t')) continue
    parts.push(
      text.slice(from, match.index),
      ...[...found].map((character) => html`<span class="odd" title="a character that cannot be seen">U+${codeOf(character)}</span>`),
    )
    from = match.index + found.length
  }
  parts.push(text.slice(from))
  return parts
}

function codeOf(character: string): string {
  return (character.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')
}
