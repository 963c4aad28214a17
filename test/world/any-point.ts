/** Any character of Unicode: what texts of everything that can be written are made of. */
import fc from 'fast-check'

/** Of no character: each is half of a pair. */
const halves = { from: 0xd8_00, count: 0x8_00 } as const

/**
 * For `fc.string({ unit: anyPoint })`. The unit `binary` of fast-check gives the same, and first makes a table of them all, which takes
 * longer than most properties.
 */
export const anyPoint = fc.integer({ min: 0, max: 0x10_ff_ff - halves.count }).map(
  (place) => String.fromCodePoint(place < halves.from ? place : place + halves.count),
  (text) => {
    const point = typeof text === 'string' ? text.codePointAt(0) : undefined
    if (point === undefined || text !== String.fromCodePoint(point)) throw new Error('not one character')
    return point < halves.from ? point : point - halves.count
  },
)
