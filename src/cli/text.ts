/** Words on a terminal: cleaned of what could command it, coloured where that is welcome, fitted to its width. */

export interface Paint {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly red: (text: string) => string
  readonly green: (text: string) => string
  readonly yellow: (text: string) => string
}

export function paints(coloured: boolean): Paint {
  const paint = (open: number, close: number) => (text: string) => (coloured ? `\u001b[${open}m${text}\u001b[${close}m` : text)
  return { bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39), yellow: paint(33, 39) }
}

// Statements, reasons and targets are written by whoever asks. Escape sequences could repaint what an approver reads, and
// marks of writing direction could turn it round; what is not seen could say something else to a program than to a person.
const unsafe = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu

/** One line, in which nothing can act on the terminal: control characters are written out. */
export function clean(text: string): string {
  return text.replaceAll(unsafe, (character) => {
    if (character === '\n' || character === '\t') return ' '
    const code = (character.codePointAt(0) ?? 0).toString(16)
    return code.length > 4 ? `\\u{${code}}` : `\\u${code.padStart(4, '0')}`
  })
}

/** Columns that the text takes; characters of East Asian scripts and pictures take two. */
export function columnsOf(text: string): number {
  let columns = 0
  for (const character of text) columns += /\p{Mark}/u.test(character) ? 0 : wide.test(character) ? 2 : 1
  return columns
}

const wide = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u

/** The text, or as much of its beginning as fits with an ellipsis. */
export function fit(text: string, columnsMax: number): string {
  if (columnsOf(text) <= columnsMax) return text
  let kept = ''
  let columns = 1
  for (const character of text) {
    columns += columnsOf(character)
    if (columns > columnsMax) break
    kept += character
  }
  return `${kept.trimEnd()}…`
}

export function pad(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - columnsOf(text)))
}

const units = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
  ['s', 1_000],
] as const

/** `29m`, `1h30m`, `0s`: the two largest units. */
export function describeSpan(milliseconds: number): string {
  const parts: string[] = []
  let rest = Math.max(0, Math.floor(milliseconds / 1_000)) * 1_000
  for (const [unit, size] of units) {
    const count = Math.floor(rest / size)
    rest -= count * size
    if (count > 0) parts.push(`${count}${unit}`)
  }
  return parts.slice(0, 2).join('') || '0s'
}

/** `29m`, `1h`, `0s`: the largest unit. */
export function roughSpan(milliseconds: number): string {
  return /^\d+[dhms]/.exec(describeSpan(milliseconds))?.[0] ?? '0s'
}

/** An instant and how far off it is: `2026-01-02 10:30:00Z (in 29m)`. */
export function describeInstant(instant: string, now: number): string {
  const at = Date.parse(instant)
  if (Number.isNaN(at)) return clean(instant)
  const span = describeSpan(Math.abs(at - now))
  return `${instant.replace('T', ' ').replace(/\.\d+Z$/, 'Z')} (${at >= now ? `in ${span}` : `${span} ago`})`
}
