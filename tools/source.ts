/** Reads just enough of TypeScript to see what a file imports and calls: comments and strings are told apart from code. */
import { lineAt } from './files.ts'

/** One import, re-export or `import()` of a file. */
export interface Import {
  /** What stands in the quotes; undefined where `import()` is given something that is not one plain string. */
  readonly specifier: string | undefined
  readonly line: number
  /** Gone when the types are stripped: `import type` or `export type`. */
  readonly isType: boolean
}

const token = /\/\/[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|'(?:[^'\\\n]|\\[\s\S])*'?|"(?:[^"\\\n]|\\[\s\S])*"?|[A-Za-z_$][\w$]*|\s+|[\s\S]/y
const regex = /\/(?:[^/\\[\n]|\\.|\[(?:[^\]\\\n]|\\.)*\])+\/[a-z]*/y
const templatePart = /(?:[^`\\$]|\\[\s\S]|\$(?!\{))*(?:`|\$\{|$)/y
const beforeRegex = /^(?:[(,=:[!&|?{};+\-*%~^<>]|return|typeof|case|in|of|delete|void|throw|new|do|else|yield|await)$/

/** The text with comments, and what is inside strings and regular expressions, blanked: as long, with the same lines. */
export function blank(text: string): string {
  const out: string[] = []
  // For each template that is open: how many braces are open inside its ${ }.
  const templates: number[] = []
  let at = 0
  let before = ''

  const take = (pattern: RegExp): string => {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0] ?? ''
    at += found.length
    return found
  }
  const takeTemplate = () => {
    const part = take(templatePart)
    const isOpen = part.endsWith('${')
    out.push(hide(part.slice(0, isOpen ? -2 : -1)), isOpen ? '${' : part.slice(-1))
    if (isOpen) templates.push(0)
    before = isOpen ? '{' : '`'
  }

  while (at < text.length) {
    const open = templates.at(-1)
    if (text[at] === '/' && !/^[/*]$/.test(text[at + 1] ?? '') && (before === '' || beforeRegex.test(before))) {
      const literal = take(regex)
      if (literal !== '') {
        out.push('/', hide(literal.slice(1)))
        before = 'regex'
        continue
      }
    }
    const found = take(token)
    if (found === '`') {
      out.push(found)
      takeTemplate()
    } else if (found === '}' && open === 0) {
      templates.pop()
      out.push(found)
      takeTemplate()
    } else {
      if (open !== undefined && found === '{') templates[templates.length - 1] = open + 1
      if (open !== undefined && found === '}') templates[templates.length - 1] = open - 1
      out.push(show(found))
      if (found.trim() !== '' && !found.startsWith('//') && !found.startsWith('/*')) before = found
    }
  }
  return out.join('')
}

function show(found: string): string {
  if (found.startsWith('//') || found.startsWith('/*')) return hide(found)
  if (found.length > 1 && (found.startsWith("'") || found.startsWith('"'))) return `${found[0]}${hide(found.slice(1, -1))}${found.at(-1)}`
  return found
}

function hide(text: string): string {
  return text.replace(/[^\n]/g, ' ')
}

const importFrom = /\b(?:import|export)\b(\s*type\b(?!\s+from\b|\s*,))?[\w$\s{},*]*?\bfrom\s*(["'])/g
const importAlone = /\bimport\s*(["'])/g
const importCall = /\bimport\s*\(\s*(?:(["'`])([^"'`]*)\1\s*[,)])?/g
const requireCall = /(?<![.\w$])require\s*\(/g

/** Every import of a file, in the order of kinds, types included. `code` is the text blanked. */
export function findImports(text: string, code: string = blank(text)): Import[] {
  const found: Import[] = []
  const quoted = (from: number, quote: string) => text.slice(from, text.indexOf(quote, from))
  for (const match of code.matchAll(importFrom)) {
    const from = match.index + match[0].length
    found.push({ specifier: quoted(from, match[2] ?? "'"), line: lineAt(text, match.index), isType: match[1] !== undefined })
  }
  for (const match of code.matchAll(importAlone)) {
    found.push({ specifier: quoted(match.index + match[0].length, match[1] ?? "'"), line: lineAt(text, match.index), isType: false })
  }
  for (const match of code.matchAll(importCall)) {
    const from = match.index + match[0].indexOf(match[1] ?? '(') + 1
    // A template may have holes, so its text is only taken when the blanked part held nothing but blanks.
    const isPlain = match[1] !== undefined && (match[2] ?? '').trim() === ''
    found.push({ specifier: isPlain ? quoted(from, match[1] ?? "'") : undefined, line: lineAt(text, match.index), isType: false })
  }
  for (const match of code.matchAll(requireCall)) found.push({ specifier: undefined, line: lineAt(text, match.index), isType: false })
  return found
}
