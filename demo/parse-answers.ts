/** What processes of the demo print and write, read as what it is. */

/** JSON that Remit itself printed. */
export function parseAnswer<T>(text: string): T {
  return JSON.parse(text) as T
}

/** Lines of JSON objects. */
export function parseLines(text: string): readonly Readonly<Record<string, unknown>>[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseAnswer<Readonly<Record<string, unknown>>>(line))
}
