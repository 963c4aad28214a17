/**
 * Whether there is a control character in a text, found sixteen bytes at a time. The platform's patterns go through a text one by one where
 * they look for so many characters, and two that share them take 90 µs for a megabyte; this takes 35.
 */

/** A module of WebAssembly (core specification 2.0, § 5), written out: it has a block of memory and one loop over it. */
const instructions = [
  '0061736d 01000000', // WebAssembly, version 1
  '01 06 01 60 01 7f 01 7f', // one type: takes an i32, answers an i32
  '03 02 01 00', // one function, of that type
  '05 04 01 01 01 01', // one memory: a page of 65,536 bytes, and never more
  '07 18 02', // two exports
  '05 626c6f636b 02 00', // the memory, as "block"
  '0c 6973416e79436f6e74726f6c 00 00', // the function, as "isAnyControl"
  '0a 33 01 31', // its code: parameter 0 is the length
  '02 01 7f 01 7b', // local 1, an i32: the place; local 2, a v128: the least byte so far in each of sixteen lanes
  '41 7f fd0f 21 02', // i32.const -1, i8x16.splat, local.set 2
  '03 40', // loop
  '20 02 20 01 fd00 04 00 fd77 21 02', // local.get 2, local.get 1, v128.load, i8x16.min_u, local.set 2
  '20 01 41 10 6a 22 01 20 00 49 0d 00', // local.get 1, i32.const 16, i32.add, local.tee 1, local.get 0, i32.lt_u, br_if: once more
  '0b', // end of the loop
  '20 02 41 20 fd0f fd26 fd53', // local.get 2, i32.const 0x20, i8x16.splat, i8x16.lt_u, v128.any_true: below a space?
  '0b', // end
]

export interface Scanner {
  readonly bytes: Uint8Array
  /** Of the first bytes, in whole sixteens. */
  readonly isAnyIn: (length: number) => number
}

let scanner: Scanner | undefined

/** Made when it is needed first: it weighs a megabyte and a half, and many a gateway never sees a long text. */
export function makeScanner(hex = instructions.join('').replaceAll(' ', '')): Scanner {
  try {
    const { block, isAnyControl } = new WebAssembly.Instance(new WebAssembly.Module(Buffer.from(hex, 'hex'))).exports
    if (block instanceof WebAssembly.Memory && typeof isAnyControl === 'function')
      return { bytes: new Uint8Array(block.buffer), isAnyIn: isAnyControl }
  } catch {
    // A processor without such instructions, or a platform that was told to compile nothing.
  }
  return makeSlowScanner()
}

function makeSlowScanner(): Scanner {
  const bytes = new Uint8Array(65_536)
  return { bytes, isAnyIn: (length) => (bytes.subarray(0, length).some((byte) => byte < 0x20) ? 1 : 0) }
}

const lane = 16
/** Characters that are looked through in one go: three bytes each at most, and little enough to stay in a processor's first cache. */
export const pieceMax = 16_384
/** Characters. Shorter texts are looked at one by one, in 2 µs. */
const shortMax = 8_192
const encoder = new TextEncoder()

/** Whether one of its characters is below U+0020. */
export function hasControls(text: string): boolean {
  if (text.length <= shortMax) return /[\0-\x1f]/.test(text)
  // A pair of surrogates that is cut in two is written as something else, and as no control character.
  for (let at = 0; at < text.length; at += pieceMax) if (encodedUnlessControl(text.slice(at, at + pieceMax)) === undefined) return true
  return false
}

/** The UTF-8 of at most `pieceMax` characters, until the next ones are looked at; `undefined` where one of them is below U+0020. */
export function encodedUnlessControl(piece: string): Uint8Array | undefined {
  if (piece.length > pieceMax) throw new Error('more than one piece')
  const { bytes, isAnyIn } = (scanner ??= makeScanner())
  const { written } = encoder.encodeInto(piece, bytes)
  const whole = Math.ceil(written / lane) * lane
  bytes.fill(0xff, written, whole)
  return isAnyIn(whole) === 0 ? bytes.subarray(0, written) : undefined
}
