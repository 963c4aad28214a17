/** The files that an application in remit.yaml names, read, and where in them something stands that a refusal points to. */
import { isNode, LineCounter, parseDocument } from 'yaml'
import type { WireObject, WireValue } from '../sdk/views.ts'
import type { SourceProblem } from './house.ts'

export type Place = readonly (string | number)[]

/** How whoever reads remit.yaml reaches what lies beside it; what cannot be read is a problem already when these answer nothing. */
export interface Beside {
  readonly text: (path: string, place: Place) => Promise<string | undefined>
  readonly policies: (folder: string, place: Place) => Promise<readonly WireObject[] | undefined>
  /** The path as messages name it. */
  readonly path: (path: string) => string
}

const files = ['schema', 'entities', 'links'] as const

/** Reads everything that the applications name. Their texts go over as they are: an integer beyond 2^53 would be rounded on the way. */
export class ApplicationFiles {
  readonly #beside: Beside
  readonly #texts = new Map<string, { readonly path: string; readonly text: string }>()

  constructor(beside: Beside) {
    this.#beside = beside
  }

  async read(value: WireValue | undefined): Promise<WireValue | undefined> {
    if (!isArray(value)) return value
    const applications: WireValue[] = []
    for (const [index, each] of value.entries())
      applications.push(isObject(each) ? await this.#application(each, ['applications', index]) : each)
    return applications
  }

  /** Where in one of these files this place of the document is: what follows the file's name is a place in its list. */
  find(place: Place): Omit<SourceProblem, 'message' | 'remedy'> | undefined {
    const [section, index, name, ...inside] = place
    const file = section === 'applications' ? this.#texts.get(`${index}/${name}`) : undefined
    if (file === undefined) return undefined
    const lines = new LineCounter()
    const json = parseDocument(file.text, { lineCounter: lines, version: '1.2', schema: 'core', stringKeys: true, prettyErrors: false })
    for (let length = inside.length; length > 0; length -= 1) {
      const node: unknown = json.getIn(inside.slice(0, length), true)
      const at = isNode(node) ? node.range?.[0] : undefined
      if (at === undefined) continue
      const { line, col } = lines.linePos(at)
      return { file: file.path, line, column: col }
    }
    return { file: file.path, line: 1, column: 1 }
  }

  async #application(application: WireObject, place: Place): Promise<WireObject> {
    const read: Record<string, WireValue> = { ...application }
    for (const name of files) {
      const path = application[name]
      if (typeof path !== 'string') continue
      const text = await this.#beside.text(path, [...place, name])
      if (text === undefined) continue
      read[name] = { name: path, text }
      this.#texts.set(`${place[1]}/${name}`, { path: this.#beside.path(path), text })
    }
    const { policies } = application
    const found = typeof policies === 'string' ? await this.#beside.policies(policies, [...place, 'policies']) : undefined
    return found === undefined ? read : { ...read, policyFiles: found }
  }
}

function isObject(value: WireValue | undefined): value is WireObject {
  return typeof value === 'object' && value !== null && !isArray(value)
}

function isArray(value: WireValue | undefined): value is readonly WireValue[] {
  return Array.isArray(value)
}
