/**
 * Checks types, lint, format, floors, words and generated pages, side by side, and says one line of each.
 *
 * `npm run check -- floors words` runs those alone; `--fix` formats first.
 */
import { parseArgs } from 'node:util'
import { excuse, readExceptions } from './exceptions.ts'
import { type Finding, listFiles, readFiles, root } from './files.ts'
import { checkFloors } from './floors.ts'
import { parseFormatReport, parseLintReport } from './parse-reports.ts'
import { stalePages } from './pages.ts'
import { type Ended, runTool } from './programs.ts'
import { checkWords } from './words.ts'

interface Outcome {
  /** How many files were looked at. None is a failure: a check that sees nothing finds nothing. */
  readonly files: number
  readonly findings: readonly Finding[]
}

interface Check {
  readonly name: string
  /** How the rules begin that it reports. */
  readonly rules: string
  readonly run: (paths: readonly string[]) => Promise<Outcome> | Outcome
}

const shownMax = 200
const everything = /./
const checks: readonly Check[] = [
  { name: 'types', rules: 'types/', run: checkTypes },
  { name: 'lint', rules: 'lint/', run: checkLint },
  { name: 'format', rules: 'format/', run: checkFormat },
  { name: 'floors', rules: 'floors/', run: (paths) => checkFloors(readFiles(paths, /^src\//)) },
  {
    name: 'words',
    rules: 'words/',
    run: (paths) => ({ files: paths.length, findings: checkWords(readFiles(paths, everything), registryHosts()) }),
  },
  { name: 'pages', rules: 'pages/', run: stalePages },
]

const { values, positionals } = parseArgs({ allowPositionals: true, options: { fix: { type: 'boolean', default: false } } })
const unknown = positionals.find((name) => checks.every((check) => check.name !== name))
if (unknown === undefined) await main()
else {
  console.error(`there is no check called ${unknown}; there are ${checks.map(({ name }) => name).join(', ')}`)
  process.exitCode = 2
}

async function main() {
  if (values.fix) await runTool('biome', ['format', '--write', '--log-level=error'])
  const paths = listFiles()
  const list = readExceptions()
  const chosen = checks.filter(({ name }) => positionals.length === 0 || positionals.includes(name))
  const findings = await Promise.all(chosen.map((check) => runCheck(check, paths)))
  const ran = (rule: string) => chosen.some(({ rules }) => rule.startsWith(rules))
  const left = excuse(findings.flat(), list, ran)
  for (const { path, line, rule, says } of left.slice(0, shownMax)) console.error(`${path}:${line}: ${says} [${rule}]`)
  if (left.length > shownMax) console.error(`and ${left.length - shownMax} more`)
  console.log(left.length === 0 ? 'check: all is well' : `check: ${left.length} ${left.length === 1 ? 'finding' : 'findings'}`)
  if (left.length > 0) process.exitCode = 1
}

async function runCheck(check: Check, paths: readonly string[]): Promise<readonly Finding[]> {
  const begun = performance.now()
  const { files, findings } = await check.run(paths)
  const seconds = ((performance.now() - begun) / 1000).toFixed(1)
  console.log(
    `${check.name.padEnd(7)} ${findings.length === 0 && files > 0 ? 'ok    ' : 'FAILED'} ${String(files).padStart(5)} files ${seconds.padStart(5)} s`,
  )
  const blind: Finding = { rule: `${check.rules}blind`, path: '.', line: 1, says: `${check.name} saw no file at all` }
  return files > 0 ? findings : [...findings, blind]
}

async function checkTypes(): Promise<Outcome> {
  const ended = await runTool('tsc', ['-p', '.', '--listFiles', '--pretty', 'false'])
  const lines = ended.out.split('\n').filter((line) => line.trim() !== '')
  const isListed = (line: string) => /^(?:\/|[A-Za-z]:)/.test(line)
  const files = lines.filter((line) => isListed(line) && line.startsWith(root) && !line.includes('/node_modules/')).length
  const findings: Finding[] = []
  for (const line of lines.filter((one) => !isListed(one))) {
    const [, path = '.', at = '1', says = line] = /^(.+?)\((\d+),\d+\): (.*)$/.exec(line) ?? []
    const last = findings.at(-1)
    // What TypeScript indents belongs to the line before it.
    if (line.startsWith(' ') && last !== undefined) findings[findings.length - 1] = { ...last, says: `${last.says}\n${line}` }
    else findings.push({ rule: `types/${/\bTS\d+/.exec(line)?.[0] ?? 'tsc'}`, path, line: Number(at), says })
  }
  return { files, findings: orCrash('types', ended, findings) }
}

async function checkLint(): Promise<Outcome> {
  const ended = await runTool('oxlint', ['--type-aware', '--deny-warnings', '-f', 'json'])
  const report = parseLintReport(ended.out)
  const findings = report.diagnostics.map(
    ({ code, filename, labels, message }): Finding => ({
      rule: `lint/${code}`,
      path: filename,
      line: labels[0]?.span.line ?? 1,
      says: message,
    }),
  )
  return { files: report.number_of_files, findings: orCrash('lint', ended, findings) }
}

async function checkFormat(): Promise<Outcome> {
  const ended = await runTool('biome', ['format', '--reporter=json', '--max-diagnostics=none'])
  const report = parseFormatReport(ended.out)
  const findings = report.diagnostics.map(
    ({ category, location, message }): Finding => ({
      rule: `format/${category}`,
      path: location?.path ?? '.',
      line: 1,
      says: category === 'format' ? 'is not formatted: npm run check -- --fix' : message,
    }),
  )
  return { files: report.summary.changed + report.summary.unchanged, findings: orCrash('format', ended, findings) }
}

/** A program that failed without saying where is itself the finding. */
function orCrash(name: string, { code, out, err }: Ended, findings: readonly Finding[]): readonly Finding[] {
  if (code === 0 || findings.length > 0) return findings
  return [{ rule: `${name}/crash`, path: '.', line: 1, says: `ended with ${code}: ${(err || out).trim().slice(-2_000)}` }]
}

/** The host that this machine installs from, where it is one of its own. */
function registryHosts(): string[] {
  const address = process.env['npm_config_registry']
  return address === undefined || !URL.canParse(address) ? [] : [new URL(address).host]
}
