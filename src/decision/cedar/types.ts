/** What type a value must have where an operator meets it: the value as that type, or the fault that it is another one. */
import { Fault } from './fault.ts'
import { CedarSet, type CedarValue, longMax, longMin, typeName, Uid } from './values.ts'

export function asBool(value: CedarValue): boolean {
  if (typeof value === 'boolean') return value
  throw expected('bool', value)
}

export function asLong(value: CedarValue): bigint {
  if (typeof value === 'bigint') return value
  throw expected('long', value)
}

export function asText(value: CedarValue): string {
  if (typeof value === 'string') return value
  throw expected('string', value)
}

export function asSet(value: CedarValue): CedarSet {
  if (value instanceof CedarSet) return value
  throw expected('set', value)
}

export function asUid(value: CedarValue): Uid {
  if (value instanceof Uid) return value
  throw expected('entity', value)
}

/** A number that Cedar can hold, or the fault that it overflowed. */
export function checked(value: bigint): bigint {
  if (value < longMin || value > longMax) throw new Fault('a number overflowed 64 bits')
  return value
}

function expected(wanted: string, found: CedarValue): Fault {
  return new Fault(`expected ${wanted}, found ${typeName(found)}`)
}
