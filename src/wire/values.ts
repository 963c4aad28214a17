/** Plain JSON as it crosses the wire. */

export type WireValue = null | boolean | string | number | readonly WireValue[] | WireObject

export interface WireObject {
  readonly [name: string]: WireValue
}
