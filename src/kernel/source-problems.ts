/** A fault in a text that a person wrote: where it stands, what is wrong, what to do; and the nearest known name for a misspelt one. */

export interface SourceProblem {
  readonly file: string
  /** Counted from 1. */
  readonly line: number
  /** Counted from 1, in characters. */
  readonly column: number
  readonly message: string
  /** What to do next. */
  readonly remedy: string
}

/** The same for a document that came over the wire. */
export interface PlacedProblem extends SourceProblem {
  /** Where it is in the document, as a JSON Pointer (RFC 6901); line and column say nothing then. */
  readonly pointer?: string
}

/** As compilers write it: `file:line:column: message`, and the remedy below it. */
export function describeSourceProblem(problem: SourceProblem): string {
  return `${problem.file}:${problem.line}:${problem.column}: ${problem.message}\n  ${problem.remedy}`
}

/** The known name closest to what was written, if it is close enough to be what was meant. */
export function nearestName(written: string, known: Iterable<string>): string | undefined {
  let best: string | undefined
  // Fewer changes than letters: otherwise any short name would be near to any other.
  let bestDistance = Math.min(Math.max(2, Math.floor(written.length / 3)) + 1, written.length)
  for (const name of known) {
    if (Math.abs(name.length - written.length) >= bestDistance) continue
    const distance = editDistance(written.toLowerCase(), name.toLowerCase())
    if (distance < bestDistance) {
      best = name
      bestDistance = distance
    }
  }
  return best
}

/** Levenshtein's distance; both texts are cut at 100 characters so that nobody can make it slow. */
function editDistance(left: string, right: string): number {
  const from = left.slice(0, 100)
  const to = right.slice(0, 100)
  let previous = Array.from({ length: to.length + 1 }, (_, place) => place)
  for (let row = 1; row <= from.length; row += 1) {
    const current = [row]
    for (let column = 1; column <= to.length; column += 1) {
      const replaced = (previous[column - 1] ?? 0) + (from[row - 1] === to[column - 1] ? 0 : 1)
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1))
    }
    previous = current
  }
  return previous[to.length] ?? 0
}
