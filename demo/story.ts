/** How the demo tells its story: acts, sentences, what was seen, and whether it was what had to be seen. */

const isTerminal = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
const paint = (code: string, text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text)

// Whoever reads may have read enough; the story goes on to its end, where everything that it started is stopped.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

let failures = 0

export function act(title: string): void {
  process.stdout.write(`\n${paint('1', title)}\n`)
}

export function tell(text: string): void {
  process.stdout.write(`  ${text}\n`)
}

export function quote(text: string): void {
  process.stdout.write(`  ${paint('2', `│ ${text}`)}\n`)
}

/** Shows what a command says as it says it; a line that is said again and again is counted instead. */
export function listener(): (line: string) => void {
  let last = ''
  let again = 0
  return (line) => {
    if (line === last) {
      again += 1
      return
    }
    if (again > 0) quote(`  and ${again} times more`)
    last = line
    again = 0
    quote(line)
  }
}

/** What must be so for the story to be true. */
export function expect(what: string, isSo: boolean): void {
  if (!isSo) failures += 1
  process.stdout.write(`  ${isSo ? paint('32', '✔') : paint('31', '✘ NOT SO:')} ${what}\n`)
}

export function failed(): number {
  return failures
}

/** The news of a gateway's journal, a line for each decision; several in a row that read the same are one line. */
export function tellDecisions(entries: readonly Readonly<Record<string, unknown>>[], nameOf: (id: string) => string): void {
  const told = entries.map((entry) => decisionLine(entry, nameOf))
  for (const [index, line] of told.entries()) {
    if (line === told[index - 1]) continue
    const next = told.findIndex((other, at) => at > index && other !== line)
    const times = (next === -1 ? told.length : next) - index
    tell(times === 1 ? line : `${line} ${times} times`)
  }
}

function decisionLine(entry: Readonly<Record<string, unknown>>, nameOf: (id: string) => string): string {
  const text = (name: string) => (typeof entry[name] === 'string' ? entry[name] : '')
  const chain = Array.isArray(entry['chain']) ? entry['chain'].map((link) => nameOf(String(link))).join(' for ') : ''
  const policies = Array.isArray(entry['policies']) ? entry['policies'].join(', ') : ''
  const outcome = entry['type'] === 'refused' ? 'refused' : text('outcome')
  const colour = outcome === 'allow' ? '32' : outcome === 'held' ? '33' : '31'
  const why =
    outcome === 'allow'
      ? `grant …${text('grant').slice(-6)} (${policies})`
      : [text('refusal'), policies].filter((part) => part !== '').join(': ')
  return `${paint(colour, outcome.padEnd(7))} ${chain.padEnd(15)} ${text('target').padEnd(34)} ${paint('2', why)}`
}
