/** The docs against the code: commands and options exist, links lead somewhere, refusals are in the table, policies and configurations are taken. */
import assert from 'node:assert/strict'
import { existsSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, normalize } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import type { Command } from 'commander'
import { buildCli } from '../../src/cli/build-cli.ts'
import { terminalIo } from '../../src/cli/io.ts'
import { isRefusalCode } from '../../src/kernel/refusals.ts'
import { check } from '../../src/main/check.ts'
import { testPolicies } from '../../src/main/policy-cases.ts'
import { type Block, fencedBlocks } from './walk.ts'

const root = fileURLToPath(new URL('../../', import.meta.url))
const pages = [...globSync('docs/**/*.md', { cwd: root }), 'README.md', 'ARCHITECTURE.md'].toSorted().map((path) => {
  const text = readFileSync(join(root, path), 'utf8')
  return { path, text, blocks: fencedBlocks(text) }
})
type Page = (typeof pages)[number]

const none = () => Promise.reject(new Error('nothing is started here'))
const program = buildCli({
  io: terminalIo(),
  house: {
    up: none,
    check: none,
    testPolicies: none,
    declare: none,
    policyCasesSchema: none,
    rotateKey: none,
    backup: none,
    restore: none,
    newEpoch: none,
    verifyExport: none,
    verifyProof: none,
    witness: none,
    gateway: none,
  },
})

test('there are pages', () => {
  assert.ok(pages.length >= 20, `${pages.length} pages`)
})

/** `remit …` in a line of a shell, and what stands between backticks in a sentence. */
function remitLines({ path, text, blocks }: Page): { readonly where: string; readonly words: readonly string[] }[] {
  const inBlocks = blocks
    .filter(({ language }) => language === 'sh' || language === '')
    .flatMap(({ line, text: body }) => body.split('\n').map((each, at) => ({ where: `${path}:${line + 1 + at}`, each })))
    .filter(({ each }) => !/^\s*#/.test(each))
  const prose = blocks.reduce((all, block) => all.replace(block.text, ''), text)
  const inProse = [...prose.matchAll(/`((?:bin\/)?remit [^`]+)`/g)].map(([, each = '']) => ({ where: path, each }))
  return [...inBlocks, ...inProse].flatMap(({ where, each }) =>
    [...each.matchAll(/(?:^|[\s"'($])(?:bin\/)?remit ((?![A-Z]|is )[a-z-][^|;)]*)/g)].map(([, rest = '']) => ({
      where,
      words: shellWords(rest),
    })),
  )
}

/** Words of a shell line: quotes hold together, and what comes after `--` is another program's. */
function shellWords(text: string): string[] {
  const words = [...text.matchAll(/"[^"]*"?|'[^']*'?|[^\s"']+/g)].map(([word]) => word)
  const end = words.findIndex(
    (word) => word === '--' || word === '>' || word === '2>' || word === '&&' || word === '\\' || word.startsWith('#'),
  )
  return end < 0 ? words : words.slice(0, end)
}

test('every remit command and option in the docs exists', () => {
  let seen = 0
  for (const page of pages) {
    for (const { where, words } of remitLines(page)) {
      seen += 1
      const wrong = unknownWord(program, words)
      assert.equal(wrong, undefined, `${where}: remit ${words.join(' ')}: there is no ${wrong}`)
    }
  }
  assert.ok(seen >= 60, `only ${seen} commands were seen`)
})

/** The first command or option that is not there. */
function unknownWord(top: Command, words: readonly string[]): string | undefined {
  let command = top
  for (const word of words) {
    if (word.startsWith('-')) {
      const [name = ''] = word.split('=')
      const known = ['-h', '--help', '-V', '--version', ...command.options.flatMap(({ short, long }) => [short, long])]
      if (!known.includes(name)) return `option ${name} of ${command.name()}`
      continue
    }
    const below = command.commands.find((each) => each.name() === word)
    if (below !== undefined) command = below
    else if (command.commands.length > 0) return `command ${word}`
  }
  return undefined
}

test('a command that is not there would be seen', () => {
  assert.equal(unknownWord(program, ['ledger', 'verify', '--key', 'x']), undefined)
  assert.match(unknownWord(program, ['grnats']) ?? '', /command grnats/)
  assert.match(unknownWord(program, ['ledger', 'veryfy']) ?? '', /command veryfy/)
  assert.match(unknownWord(program, ['apply', '--force']) ?? '', /option --force/)
})

test('every relative link leads somewhere', () => {
  let seen = 0
  for (const { path, text, blocks } of pages) {
    const prose = blocks.reduce((all, block) => all.replace(block.text, ''), text)
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue
      seen += 1
      const [file = '', anchor] = target.split('#')
      const found = normalize(join(dirname(path), file))
      const reached = file === '' ? path : found
      assert.ok(existsSync(join(root, reached)), `${path}: ${target} is not there`)
      if (anchor !== undefined) assert.ok(anchorsOf(reached).has(anchor), `${path}: ${reached} has no heading #${anchor}`)
    }
  }
  assert.ok(seen >= 40, `only ${seen} links were seen`)
})

/** Anchors as the common renderers make them from headings. */
function anchorsOf(path: string): ReadonlySet<string> {
  const headings = readFileSync(join(root, path), 'utf8').matchAll(/^#+ (.+)$/gm)
  return new Set(
    [...headings].map(([, title = '']) =>
      title
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  )
}

test('every refusal that the docs name is in the table', () => {
  let seen = 0
  for (const { path, text } of pages) {
    const urns = [...text.matchAll(/urn:remit:refusal:([a-z-]+(?:\.[a-z-]+)?)/g)]
    // A code in backticks of one of the table's families.
    const codes = [
      ...text.matchAll(/`((?:action|approval|credential|grant|hold|identity|request|scope|session|upstream|store)\.[a-z-]+)`/g),
    ]
    for (const [, code = ''] of [...urns, ...codes]) {
      if (ledgerKinds.has(code)) continue
      seen += 1
      assert.ok(isRefusalCode(code), `${path}: ${code} is no refusal`)
    }
  }
  assert.ok(seen >= 60, `only ${seen} refusals were seen`)
})

/** Kinds of ledger entry, which are written alike. */
const ledgerKinds: ReadonlySet<string> = new Set(
  pages
    .filter(({ path }) => path === 'docs/reference/ledger.md' || path === 'docs/reference/endpoints.md')
    .flatMap(({ text }) => [...text.matchAll(/`([a-z]+\.[a-z-]+)`/g)].map(([, kind = '']) => kind))
    .filter((kind) => !isRefusalCode(kind)),
)

interface Example {
  readonly page: string
  readonly line: number
  readonly files: ReadonlyMap<string, string>
}

/** A file of policy cases, by its name. */
function isCases({ words }: Block): boolean {
  return words[0]?.endsWith('.cases.yaml') === true
}

/** Each whole remit.yaml of a page, with the policies that follow it on that page up to the next. */
function examplesOf({ path, blocks }: Page): Example[] {
  const examples: { page: string; line: number; files: Map<string, string> }[] = []
  for (const block of blocks) {
    const current = examples.at(-1)
    if (isCases(block)) continue
    if (block.language === 'yaml' && block.text.includes('version: 1')) {
      examples.push({ page: path, line: block.line, files: new Map([['remit.yaml', block.text]]) })
    } else if (current !== undefined && block.words[0]?.includes('.') === true) current.files.set(block.words[0], block.text)
    else if (current !== undefined && block.language === 'cedar' && block.words[0] !== 'desk') addPolicies(current.files, block)
  }
  return examples
}

function addPolicies(files: Map<string, string>, { line, text }: Block): void {
  files.set(`policies/line-${line}.cedar`, text)
}

test('every configuration and policy in the docs is taken', async () => {
  let configurations = 0
  let policies = 0
  const shown = pages.flatMap(({ blocks }) => blocks).filter(({ language, words }) => language === 'cedar' && words[0] !== 'desk').length
  for (const example of pages.flatMap(examplesOf)) {
    const folder = mkdtempSync(join(tmpdir(), 'remit-docs-'))
    try {
      mkdirSync(join(folder, 'policies'))
      for (const [name, text] of example.files) writeFileSync(join(folder, name), text)
      const written = [...example.files.keys()].filter((name) => name.endsWith('.cedar')).length
      // A page that shows a configuration alone is checked with a policy that says nothing.
      if (written === 0) writeFileSync(join(folder, 'policies', 'none.cedar'), silence)
      const report = await check(join(folder, 'policies'), join(folder, 'remit.yaml'))
      assert.deepEqual(report.problems, [], `${example.page}:${example.line}`)
      configurations += 1
      policies += written
    } finally {
      rmSync(folder, { recursive: true })
    }
  }
  assert.ok(configurations >= 3, `only ${configurations} configurations were seen`)
  assert.equal(policies, shown, 'every cedar block follows the remit.yaml of its page')
})

test('every policy case in the docs is answered as it wants, by the shop that ships', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'remit-docs-'))
  try {
    const files = pages
      .flatMap(({ blocks }) => blocks.filter(isCases))
      .map(({ text }, at) => {
        const path = join(folder, `${at}.cases.yaml`)
        writeFileSync(path, text)
        return path
      })
    const { problems, results } = await testPolicies({ files, configuration: join(root, 'demo/shop/remit.yaml') })
    assert.deepEqual(problems, [])
    assert.deepEqual(
      results.filter(({ passed }) => !passed),
      [],
    )
    assert.ok(results.length >= 3, `only ${results.length} cases were seen`)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('the desk that ships is the desk that the docs show', () => {
  const [shown] = pages.flatMap(({ blocks }) => blocks).filter(({ language, words }) => language === 'cedar' && words[0] === 'desk')
  const shipped = readFileSync(join(root, 'src/decision/desk.cedar'), 'utf8')
  assert.equal(shown?.text.trim(), shipped.replaceAll(/^\/\/.*\n/gm, '').trim())
})

const silence = '@id("nobody-deletes")\nforbid (principal, action in Effect::Action::"delete", resource);\n'
