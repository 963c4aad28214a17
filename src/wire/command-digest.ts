/** By what a command is found that is not told: its program and arguments, hashed. */
import { createHash } from 'node:crypto'

/** SHA-256 of a program and its arguments, in base64url: over their JSON. */
export function commandDigest(words: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(words)).digest('base64url')
}
