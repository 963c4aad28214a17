/** Whether two values are the same JSON, told without writing either. */
import { Fraction } from './json.ts'
import { isPlain } from './json-members.ts'

/**
 * Whether two values of JSON have the same canonical text, told without writing it: members in any order, those that are `undefined` left out.
 * Stops at the first difference.
 */
export function isSameJson(left: unknown, right: unknown): boolean {
  if (left === right) return true
  if (typeof left !== 'object' || typeof right !== 'object' || left === null || right === null) return false
  if (left instanceof Fraction || right instanceof Fraction)
    return left instanceof Fraction && right instanceof Fraction && left.text === right.text
  if (Array.isArray(left) || Array.isArray(right))
    return (
      Array.isArray(left) &&
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((each, place) => isSameJson(each, right[place]))
    )
  if (!isPlain(left) || !isPlain(right)) throw new Error('canonical JSON takes plain objects only')
  let count = 0
  for (const key in left) {
    const member = Object.hasOwn(left, key) ? left[key] : undefined
    if (member === undefined) continue
    count += 1
    if (!Object.hasOwn(right, key) || !isSameJson(member, right[key])) return false
  }
  for (const key in right) if (Object.hasOwn(right, key) && right[key] !== undefined) count -= 1
  return count === 0
}
