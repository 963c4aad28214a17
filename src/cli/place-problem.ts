/** Puts what a server says of a place in the document where that place is in the file. */
import type { Place } from './application-files.ts'
import type { Configuration } from './configuration-file.ts'
import type { SourceProblem } from './house.ts'

/** A problem that names a place in the document, as a JSON Pointer (RFC 6901), put where that place is in the file. */
export function placeProblem(configuration: Configuration, problem: SourceProblem & { readonly pointer?: string }): SourceProblem {
  const { pointer, message, remedy } = problem
  return pointer === undefined ? problem : configuration.problemAt(parsePointer(pointer), message, remedy)
}

function parsePointer(pointer: string): Place {
  const parts = pointer.split('/').slice(1)
  return parts.map((part) => (/^\d+$/.test(part) ? Number(part) : part.replaceAll('~1', '/').replaceAll('~0', '~')))
}
