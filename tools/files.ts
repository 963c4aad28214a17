/** The files of the project: what git tracks, and what it would track. */
import { execFileSync } from 'node:child_process'
import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '..')

/** A file of the project: its path from the root, with slashes, and its text. */
export interface SourceFile {
  readonly path: string
  readonly text: string
}

/** Something a check will not have. */
export interface Finding {
  readonly rule: string
  readonly path: string
  readonly line: number
  readonly says: string
}

/** Tracked and untracked files, without those that git ignores. */
export function listFiles(folder: string = root): string[] {
  const listed = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard', '-z'], {
    cwd: folder,
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  })
  const paths = new Set(listed.split('\0').filter((path) => path !== ''))
  return [...paths].filter((path) => statSync(join(folder, path), { throwIfNoEntry: false })?.isFile() === true).sort()
}

/** Files whose path the pattern matches, with their text. */
export function readFiles(paths: readonly string[], wanted: RegExp, folder: string = root): SourceFile[] {
  return paths.filter((path) => wanted.test(path)).map((path) => ({ path, text: readFileSync(join(folder, path), 'utf8') }))
}

/** The line, counted from one, in which an offset lies. */
export function lineAt(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) line += 1
  return line
}
