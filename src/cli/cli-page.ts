/** The reference page of the command line, written from the commands themselves. */
import type { Command } from 'commander'
import { buildCli, commandGroups, environmentText, exitCodesText } from './build-cli.ts'
import type { House } from './house.ts'
import type { Io } from './io.ts'

/** Markdown for docs/reference/cli.md. */
export function cliPage(): string {
  const program = buildCli({ house: nobodysHouse, io: silentIo })
  const byName = new Map(program.commands.map((command) => [command.name(), command]))
  const sections = commandGroups.map(({ title, commands }) => {
    const cli = { house: nobodysHouse, io: silentIo, ending: { exitCode: 0 } }
    const texts = commands.map((make) => commandSection(byName.get(make(cli).name())))
    return `## ${title}\n\n${texts.join('\n')}`
  })
  return `# The command line

Every command of \`remit\`, written from the code by \`npm run bless\`. Each has \`--json\` (one JSON document on stdout; a refusal as problem
details) and \`--help\`. Tables fit the terminal; elsewhere nothing is shortened and there are no colours.

${exitCodesText}

\`\`\`
${environmentText}
\`\`\`

A credential never stands on the command line, where every process of the machine could read it.

${sections.join('\n')}`
}

function commandSection(command: Command | undefined): string {
  if (command === undefined) throw new Error('a command of a group is not in the tree')
  const own =
    command.commands.length > 0
      ? command.commands.map((below) => `\`\`\`\n${helpOf(below)}\n\`\`\`\n`)
      : [`\`\`\`\n${helpOf(command)}\n\`\`\`\n`]
  return `### remit ${command.name()}\n\n${own.join('\n')}`
}

/** Exactly what \`--help\` prints. */
export function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({ writeOut: (part) => void (text += part) })
  command.outputHelp()
  return text.trimEnd()
}

const nowhere = { write: () => true }

/** Help asks nothing of these; were that to change, the page must not be written. */
const silentIo: Io = {
  stdout: nowhere,
  stderr: nowhere,
  get stdin(): never {
    throw new Error('help reads no input')
  },
  env: {},
  now: () => 0,
}

const nobodysHouse: House = {
  up: () => Promise.reject(new Error('help starts nothing')),
  check: () => Promise.reject(new Error('help checks nothing')),
  testPolicies: () => Promise.reject(new Error('help tests nothing')),
  declare: () => Promise.reject(new Error('help asks no server')),
  policyCasesSchema: () => Promise.reject(new Error('help prints no schema')),
  backup: () => Promise.reject(new Error('help copies nothing')),
  restore: () => Promise.reject(new Error('help restores nothing')),
  newEpoch: () => Promise.reject(new Error('help begins nothing')),
  rotateKey: () => Promise.reject(new Error('help rotates nothing')),
  verifyExport: () => Promise.reject(new Error('help verifies nothing')),
  verifyProof: () => Promise.reject(new Error('help verifies nothing')),
  witness: () => Promise.reject(new Error('help starts nothing')),
  gateway: () => Promise.reject(new Error('help starts nothing')),
}
