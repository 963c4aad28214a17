/** The lines of a head, read by the letter of RFC 9112 §5: one meaning, or none. It never repairs. */

const headerLine = /([!#$%&'*+.^_`|~0-9A-Za-z-]+):([\t\x20-\x7e\x80-\xff]*)\r\n/y

/** Flat, from a place in a head on to its empty line; `undefined` where a line is no header. Values without the white space around them. */
export function readHeaders(text: string, from: number): string[] | undefined {
  const headers: string[] = []
  const end = text.length - 2
  let at = from
  while (at < end) {
    headerLine.lastIndex = at
    const found = headerLine.exec(text)
    if (found === null) return undefined
    headers.push(found[1] ?? '', trimmed(found[2] ?? ''))
    at = headerLine.lastIndex
  }
  return at === end ? headers : undefined
}

/** Whether a text is one header with its line end, and nothing else. */
export function isHeaderLine(text: string): boolean {
  headerLine.lastIndex = 0
  return headerLine.test(text) && headerLine.lastIndex === text.length
}

/** Without spaces and tabs around it: `trim` would take more, which two readers could read differently. */
function trimmed(text: string): string {
  let from = 0
  let to = text.length
  while (from < to && isBlank(text.charCodeAt(from))) from += 1
  while (to > from && isBlank(text.charCodeAt(to - 1))) to -= 1
  return from === 0 && to === text.length ? text : text.slice(from, to)
}

function isBlank(code: number): boolean {
  return code === 0x20 || code === 0x09
}
