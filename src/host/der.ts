/** DER (X.690), as much of it as certificates and requests for them take. */

/** Tag, length, content; of less than 64 KiB. */
export function tagged(tag: number, content: Uint8Array): Buffer {
  const size = content.byteLength
  const length = size < 0x80 ? [size] : size < 0x100 ? [0x81, size] : [0x82, size >> 8, size & 0xff]
  return Buffer.concat([Buffer.from([tag, ...length]), content])
}
