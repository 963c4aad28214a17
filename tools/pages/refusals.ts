/** Writes the reference page of refusals from the table they are given out of. */
import { refusals } from '../../src/kernel/refusals.ts'

export function refusalsPage(): string {
  const rows = Object.entries(refusals).map(
    ([code, { status, tells, says, remedy }]) => `| \`${code}\` | ${status} | ${tells} | ${cell(says)} | ${cell(remedy)} |`,
  )
  return `# Refusals

Every refusal Remit gives, written from the table in the code by \`npm run bless\`.

The API and the HTTP gateway answer with \`application/problem+json\`, whose \`type\` is \`urn:remit:refusal:\` and the code below; OAuth endpoints
answer as RFC 6749 says. Where only the operator is told, the caller hears \`not-found\` or \`credential.invalid\`, and the log holds the reason.

| code | status | told to | what is so | what to do |
|---|---|---|---|---|
${rows.join('\n')}
`
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|')
}
