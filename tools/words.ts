/** What no file of the project may say: places on somebody's machine, unfinished business, registries, names that name nothing. */
import { type Finding, lineAt, type SourceFile } from './files.ts'
import { blank } from './source.ts'

interface WordRule {
  readonly rule: string
  readonly says: string
  readonly pattern: RegExp
  /** Which files it is about; all of them when absent. */
  readonly files?: RegExp
  /** Whether comments and strings are left out. */
  readonly isCode?: boolean
}

const code = /\.(?:ts|tsx|mts|js|mjs)$/
const lockFile = /(?:^|\/)package-lock\.json$/

// Each pattern is written so that it does not match itself.
const rules: readonly WordRule[] = [
  {
    rule: 'words/machine-path',
    says: 'names a place on one machine',
    pattern: /(?<![\w.~$}-])\/(?:work|root|tmp|Users)\/[\w.-]|(?<![\w.~$}-])\/home\/[\w.-]+/g,
  },
  {
    rule: 'words/unfinished',
    says: 'leaves something to do: do it, or say why it is not done',
    pattern: /\b(?:TO[D]O|FIX[M]E|XX[X]|HAC[K])\b/g,
  },
  { rule: 'words/registry', says: 'names a package registry', pattern: /\bregistry\.[a-z]+[.\w]*\.[a-z]{2,}\b|\bnpm\.pkg\.github\b/g },
  {
    rule: 'words/resolved',
    says: 'a lock file says where a package came from: remove the line, .npmrc keeps it out',
    pattern: /^\s*"resolved":/gm,
    files: lockFile,
  },
  { rule: 'words/tarball', says: 'a lock file names an address to download from', pattern: /"https?:[^"]*\.tgz"/g, files: lockFile },
  {
    rule: 'words/silenced',
    says: 'silences a check in the text: exceptions stand in tools/exceptions.json',
    pattern: /\b(?:oxlint|eslint)-disable|biome-ignor[e]|@ts-(?:ignor[e]|expect-erro[r]|nochec[k])/g,
    files: code,
  },
  {
    rule: 'words/name',
    says: 'says nothing: name the thing by what it is in the domain',
    pattern: /\b(?:class|function|interface|type|const|let)\s+(?:\w*(?:Manager|Helper|Utils?|Info)|manager|helper|utils?|info)\b/g,
    files: code,
    isCode: true,
  },
]

const emptyFolder = /(?:^|\/)(?:utils?|helpers?|common|lib|misc)\//
const opened = /^(?:#!.*\n)?\/\*\*/
const ownCode = /^(?:src|tools|test|demo|bench)\/.*\.(?:ts|tsx|mts|js|mjs)$/
const testFile = /\.test\.tsx?$/

/** `registryHosts` are further hosts that may not be named, such as the one this machine installs from. */
export function checkWords(files: readonly SourceFile[], registryHosts: readonly string[] = []): Finding[] {
  return files.flatMap((file) => [...wordsOf(file), ...hostsOf(file, registryHosts), ...shapeOf(file)])
}

function wordsOf({ path, text }: SourceFile): Finding[] {
  // Binary files have no lines to point at.
  if (text.includes('\0')) return []
  return rules
    .filter(({ files }) => files?.test(path) !== false)
    .flatMap(({ rule, says, pattern, isCode }) =>
      [...(isCode === true ? blank(text) : text).matchAll(pattern)].map((match) => ({
        rule,
        path,
        line: lineAt(text, match.index + match[0].search(/\S/)),
        says: `"${match[0].trim()}" ${says}`,
      })),
    )
}

function hostsOf({ path, text }: SourceFile, hosts: readonly string[]): Finding[] {
  return hosts.flatMap((host) => {
    const at = text.indexOf(host)
    return at === -1 ? [] : [{ rule: 'words/registry', path, line: lineAt(text, at), says: 'names the package registry of this machine' }]
  })
}

function shapeOf({ path, text }: SourceFile): Finding[] {
  const findings: Finding[] = []
  if (emptyFolder.test(path))
    findings.push({ rule: 'words/folder', path, line: 1, says: 'is in a folder whose name says nothing: name it by what it holds' })
  if (ownCode.test(path) && !testFile.test(path) && !opened.test(text)) {
    findings.push({ rule: 'words/opening', path, line: 1, says: 'does not open with one sentence, /** ... */, that says what it is for' })
  }
  return findings
}
