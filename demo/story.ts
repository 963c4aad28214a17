/** How the demo tells its story: acts, sentences, what was seen, and whether it was what had to be seen. */

const isTerminal = process.stdout.isTTY && (process.env['NO_COLOR'] ?? '') === ''
const paint = (code: string, text: string) => (isTerminal ? `\u001b[${code}m${text}\u001b[0m` : text)

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

/** What must be so for the story to be true. */
export function expect(what: string, isSo: boolean): void {
  if (!isSo) failures += 1
  process.stdout.write(`  ${isSo ? paint('32', '✔') : paint('31', '✘ NOT SO:')} ${what}\n`)
}

export function failed(): number {
  return failures
}

/** One line of a gateway's journal, as the demo shows it. */
export function tellDecision(entry: Readonly<Record<string, unknown>>, nameOf: (id: string) => string): void {
  const text = (name: string) => (typeof entry[name] === 'string' ? entry[name] : '')
  const chain = Array.isArray(entry['chain']) ? entry['chain'].map((link) => nameOf(String(link))).join(' for ') : ''
  const policies = Array.isArray(entry['policies']) ? entry['policies'].join(', ') : ''
  const outcome = entry['type'] === 'refused' ? 'refused' : text('outcome')
  const colour = outcome === 'allow' ? '32' : outcome === 'held' ? '33' : '31'
  const why =
    outcome === 'allow'
      ? `grant …${text('grant').slice(-6)} (${policies})`
      : [text('refusal'), policies].filter((part) => part !== '').join(': ')
  process.stdout.write(`  ${paint(colour, outcome.padEnd(7))} ${chain.padEnd(15)} ${text('target').padEnd(34)} ${paint('2', why)}\n`)
}
