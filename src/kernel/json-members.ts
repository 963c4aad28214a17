/** The members of plain objects, in the order in which canonical text has them. */

/** By UTF-16 code units. What was written down in that order already, as the journal's entries are, is not sorted again. */
export function sortedKeys(object: object): string[] {
  const keys = Object.keys(object)
  for (let place = 1; place < keys.length; place += 1)
    if ((keys[place - 1] ?? '') > (keys[place] ?? '')) return keys.length > fewKeys ? keys.sort() : sortedInPlace(keys)
  return keys
}

/** Up to so many are sorted by hand: the platform makes as much garbage for three as for thirty. */
const fewKeys = 16

function sortedInPlace(keys: string[]): string[] {
  for (let place = 1; place < keys.length; place += 1) {
    const key = keys[place] ?? ''
    let at = place
    for (; at > 0 && (keys[at - 1] ?? '') > key; at -= 1) keys[at] = keys[at - 1] ?? ''
    keys[at] = key
  }
  return keys
}

/** No instance of anything: what has members and nothing else. */
export function isPlain(object: object): object is Readonly<Record<string, unknown>> {
  const prototype: unknown = Object.getPrototypeOf(object)
  return prototype === null || prototype === Object.prototype
}
