/** What a held call's tool is, in a terminal: the server's words, and what of them is another now. */
import { driftInWords } from '../sdk/definition-words.ts'
import type { DefinitionView } from '../sdk/views.ts'
import type { FactLine } from './table.ts'

/** Lines for `remit hold`; none for what is no tool. */
export function definitionFacts(definition: DefinitionView | undefined): readonly FactLine[] {
  if (definition === undefined) return []
  const { title, description, differences = [], pinned, hash } = definition
  return [
    ['tool changed', driftInWords(definition)],
    ...differences.flatMap(({ at, before, after }): FactLine[] => [
      ['change', [at, ...(before === undefined ? [] : lines('before', before)), ...(after === undefined ? [] : lines('now', after))]],
    ]),
    ['server says', [...(title === undefined ? [] : [title]), ...(description === undefined ? [] : description.split('\n'))]],
    ['definition', pinned === undefined ? hash : [`${hash} now`, `${pinned} when it was granted`]],
  ]
}

function lines(name: string, text: string): readonly string[] {
  return text.split('\n').map((line, place) => (place === 0 ? `  ${name}: ${line}` : `    ${line}`))
}
