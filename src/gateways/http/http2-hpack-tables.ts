/** The two tables that HPACK is built on (RFC 7541, appendices A and B). */

/** Names and values by their index, from 1 on; `-` is the empty value. */
const staticText = `
:authority -|:method GET|:method POST|:path /|:path /index.html|:scheme http|:scheme https|:status 200|:status 204|:status 206|:status 304
:status 400|:status 404|:status 500|accept-charset -|accept-encoding gzip, deflate|accept-language -|accept-ranges -|accept -
access-control-allow-origin -|age -|allow -|authorization -|cache-control -|content-disposition -|content-encoding -|content-language -
content-length -|content-location -|content-range -|content-type -|cookie -|date -|etag -|expect -|expires -|from -|host -|if-match -
if-modified-since -|if-none-match -|if-range -|if-unmodified-since -|last-modified -|link -|location -|max-forwards -
proxy-authenticate -|proxy-authorization -|range -|referer -|refresh -|retry-after -|server -|set-cookie -|strict-transport-security -
transfer-encoding -|user-agent -|vary -|via -|www-authenticate -`

export type Field = readonly [name: string, value: string]

export const staticFields: readonly Field[] = staticText
  .trim()
  .split(/[|\n]/)
  .map((text): Field => {
    const space = text.indexOf(' ')
    const value = text.slice(space + 1)
    return [text.slice(0, space), value === '-' ? '' : value]
  })

/** The length in bits of each byte's code, and last that of the end, as one digit in base 36. The codes follow: shorter ones first, then the smaller byte. */
const lengthText =
  'dnsssssssoussussssssssusssssssss6aacd68baa8b8666555666666678f6cad67777777777777777777777878djde6f56565666577666567655677777fbeds' +
  'kmkkmmmnmnnnnnonoomnonnnnlmnmnnomlkmmnnlnmmolmnnllmlnmnnkmmmnmmnqqkjmnmpqqqrrqopjlqrrqrollqqsrrrkoklmllnmmppooqnqrqqrrrrrsrrrrrqu'

/** Four bits at a time from a state: the state that follows, the byte that is complete (-1: none), and whether the end or nothing was met. */
export interface HuffmanStep {
  readonly next: number
  readonly byte: number
}

export const huffmanEndsMax = 7

export interface HuffmanTable {
  /** By state * 16 + nibble; `undefined` is the code for the end, which no string may have. */
  readonly steps: readonly (HuffmanStep | undefined)[]
  /** Whether a string may end here: fewer than 8 bits since the last byte, and all of them ones (RFC 7541 §5.2). */
  readonly mayEnd: readonly boolean[]
}

const endSymbol = 256
type Node = [zero: Node | number | undefined, one: Node | number | undefined]

/** Made once, from the lengths. */
export function makeHuffmanTable(): HuffmanTable {
  const { nodes, root, depths } = makeTree()
  const steps: (HuffmanStep | undefined)[] = []
  for (const node of nodes) for (let nibble = 0; nibble < 16; nibble += 1) steps.push(walk(node, nibble, { nodes, root }))
  return { steps, mayEnd: nodes.map((node) => (depths.get(node) ?? -1) >= 0 && (depths.get(node) ?? 8) <= huffmanEndsMax) }
}

interface Tree {
  readonly nodes: readonly Node[]
  readonly root: Node
}

function walk(from: Node, nibble: number, { nodes, root }: Tree): HuffmanStep | undefined {
  let node = from
  let byte = -1
  for (let bit = 3; bit >= 0; bit -= 1) {
    const met = node[((nibble >>> bit) & 1) === 0 ? 0 : 1]
    if (met === undefined || met === endSymbol) return undefined
    if (typeof met === 'number') byte = met
    node = typeof met === 'number' ? root : met
  }
  return { next: nodes.indexOf(node), byte }
}

function makeTree(): Tree & { readonly depths: ReadonlyMap<Node, number> } {
  const lengths = [...lengthText].map((digit) => Number.parseInt(digit, 36))
  const order = lengths.map((_, symbol) => symbol).toSorted((one, other) => (lengths[one] ?? 0) - (lengths[other] ?? 0) || one - other)
  const root: Node = [undefined, undefined]
  const nodes = [root]
  let code = 0
  let before = 0
  for (const symbol of order) {
    const length = lengths[symbol] ?? 0
    code *= 2 ** (length - before)
    before = length
    let node = root
    for (let bit = length - 1; bit >= 0; bit -= 1) {
      const side = (code >>> bit) & 1 ? 1 : 0
      if (bit === 0) node[side] = symbol
      else {
        const known = node[side]
        const next: Node = typeof known === 'object' ? known : [undefined, undefined]
        if (next !== known) nodes.push(next)
        node[side] = next
        node = next
      }
    }
    code += 1
  }
  // The states that nothing but ones lead to.
  const depths = new Map<Node, number>()
  let depth = 0
  for (let node: Node | number | undefined = root; typeof node === 'object'; node = node[1]) depths.set(node, depth++)
  return { nodes, root, depths }
}
