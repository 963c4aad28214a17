/** Bodies made readable: JSON with indents and without loss, bytes as a dump. */
import { canonicalJson, Fraction, isJsonObject, type JsonValue } from '../../kernel/json.ts'

/** Indented JSON in the order it was sent; numbers keep their digits. */
export function prettyJson(value: JsonValue, indent = ''): string {
  const deeper = `${indent}  `
  if (isList(value)) {
    if (value.length === 0) return '[]'
    return `[\n${value.map((each) => `${deeper}${prettyJson(each, deeper)}`).join(',\n')}\n${indent}]`
  }
  if (!isJsonObject(value) || value instanceof Fraction) return canonicalJson(value)
  const members = Object.entries(value)
  if (members.length === 0) return '{}'
  return `{\n${members.map(([name, each]) => `${deeper}${canonicalJson(name)}: ${prettyJson(each, deeper)}`).join(',\n')}\n${indent}}`
}

function isList(value: JsonValue): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** Offset, sixteen bytes, their ASCII. */
export function hexDump(bytes: Uint8Array): string {
  const lines: string[] = []
  for (let from = 0; from < bytes.byteLength; from += 16) {
    const row = [...bytes.subarray(from, from + 16)]
    const hex = row.map((byte) => byte.toString(16).padStart(2, '0')).join(' ')
    const text = row.map((byte) => (byte > 0x1f && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('')
    lines.push(`${from.toString(16).padStart(6, '0')}  ${hex.padEnd(47)}  ${text}`)
  }
  return lines.join('\n')
}
