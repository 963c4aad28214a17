/** Writes the reference page of endpoints from the table that the server serves. */
import { z } from 'zod'
import { endpoints } from './endpoints.ts'
import type { Endpoint } from './endpoint.ts'

/** Markdown of docs/reference/endpoints.md. */
export function endpointsPage(): string {
  const api = endpoints.filter(({ path }) => path.startsWith('/v1/'))
  const oauth = endpoints.filter(({ path }) => path.startsWith('/oauth/') || path.startsWith('/.well-known/oauth-'))
  const access = endpoints.filter(({ path }) => path.includes('/access/v1/') || path.includes('/authzen-configuration'))
  const pages = endpoints.filter((endpoint) => ![...api, ...oauth, ...access].includes(endpoint))
  return `# Endpoints

Every endpoint of the API, written from the table in the code by \`npm run bless\`.

Who calls: **nobody** in particular; an **identity**, by \`Authorization: Bearer\` with a Remit token for control; a **person**, by the cookie that
signing in to the pages gives. Limits are calls per minute by one caller (by one address where nobody in particular calls) and bytes of the body.
JSON is UTF-8 without duplicate names; a name that is not listed is refused, and so is a query where a body is taken.
A \`?\` marks what may be left out. Refusals are in [refusals.md](refusals.md).

## OAuth

${table(oauth)}

## For identities

${table(api)}

## OpenID AuthZEN 1.0

Unknown members are ignored here, and what cannot be read is 400, as the specification demands. See [the guide](../guides/authzen.md).

${table(access)}

## Pages, and what their script calls

${table(pages)}
`
}

function table(rows: readonly Endpoint[]): string {
  const head = '| endpoint | who calls | takes | per minute | body | recorded as | what it does |\n|---|---|---|---|---|---|---|'
  return [
    head,
    ...rows.map(
      (endpoint) =>
        `| ${cells(endpoint)
          .map((cell) => cell.replaceAll('|', '\\|'))
          .join(' | ')} |`,
    ),
  ].join('\n')
}

function cells(endpoint: Endpoint): readonly string[] {
  const { method, path, caller, perMinuteMax, bodyBytesMax, records, says, takes } = endpoint
  return [
    `\`${method} ${path}\``,
    caller,
    inputNames(endpoint),
    `${perMinuteMax}`,
    takes === 'none' ? '' : `${takes}, ${bodyBytesMax}`,
    'nothing' in records ? `nothing: ${records.nothing}` : records.map((kind) => `\`${kind}\``).join(', '),
    says,
  ]
}

function inputNames({ input, path }: Endpoint): string {
  const shape: Readonly<Record<string, unknown>> = input.shape
  const names = Object.entries(shape).filter(([name]) => !path.includes(`:${name}`))
  return names.map(([name, field]) => `\`${name}${field instanceof z.ZodOptional ? '?' : ''}\``).join(', ')
}
