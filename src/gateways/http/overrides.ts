/** A second method inside a form: `_method=DELETE` makes a POST by the grant a DELETE by Rails, Laravel, Symfony and Express. */
import { refuse } from '../../kernel/refusals.ts'
import { done, type Refused, type Result } from '../../kernel/result.ts'

const overridden: Refused = refuse('action.ambiguous', { detail: 'a form with _method would change what is asked' })

/** What a form body is, by its media type: read whole before it passes, or looked through as it passes. */
export function formKind(mediaType: string | undefined): 'urlencoded' | 'multipart' | undefined {
  if (mediaType === undefined) return undefined
  const [essence = ''] = mediaType.toLowerCase().split(/[;,\s]/)
  if (essence === 'application/x-www-form-urlencoded') return 'urlencoded'
  return essence.startsWith('multipart/') ? 'multipart' : undefined
}

/** Refuses `action.ambiguous` a form of which some reader would take another method. PHP reads `.`, `[` and a space in a name as `_`. */
export function checkForm(body: Buffer): Result<undefined> {
  for (const piece of body.toString('latin1').split(/[&;]/)) {
    const [name = ''] = piece.split('=')
    const plain = name
      .replaceAll('+', ' ')
      .replaceAll(/%([0-9A-Fa-f]{2})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)))
    if (isMethod(plain)) return overridden
  }
  return done(undefined)
}

const partName = /name\s*=\s*("(?:[^"\\\r\n]|\\.)*"|[^\s;"]*)/gi
/** Longer than any way to write the name that is looked for. */
const tailLength = 128

/** Looks through a body in parts as its pieces come. */
export class PartNames {
  #tail = ''

  /** Refuses `action.ambiguous` at the piece in which a part is named so: without it the body is not whole, and nobody acts on it. */
  check(piece: Buffer): Result<undefined> {
    const text = this.#tail + piece.toString('latin1')
    this.#tail = text.slice(-tailLength)
    for (const [, name = ''] of text.matchAll(partName)) if (isMethod(name.replaceAll(/^"|"$|\\/g, ''))) return overridden
    return done(undefined)
  }
}

function isMethod(name: string): boolean {
  return /^ *[_. []method(?:\[.*)?$/i.test(name)
}
