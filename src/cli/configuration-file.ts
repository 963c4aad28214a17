/** Reads remit.yaml: one document with its references resolved, and for every place in it the line where it stands. */
import { dirname, join } from 'node:path'
import { isCollection, isMap, isNode, isScalar, LineCounter, parseDocument, type Document, type Node } from 'yaml'
import type { WireObject, WireValue } from '../sdk/views.ts'
import { ApplicationFiles, type Place } from './application-files.ts'
import type { SourceProblem } from './house.ts'

/** How files are reached; both throw what `node:fs/promises` throws. */
export interface ConfigurationFiles {
  readonly text: (path: string) => Promise<string>
  /** Names of the files below a folder, at any depth, relative to it. */
  readonly names: (folder: string) => Promise<readonly string[]>
}

export interface ConfigurationSource {
  /** Path of remit.yaml; policies, documents and `file:` references are relative to its folder. */
  readonly path: string
  readonly files: ConfigurationFiles
  readonly env: Readonly<Record<string, string | undefined>>
  /** Whether `env:` and `file:` references of credentials are replaced by what they name. */
  readonly resolve: boolean
}

export interface Configuration {
  /** The document, with `policyFiles`; to be used only where there are no problems. */
  readonly document: WireObject
  readonly problems: readonly SourceProblem[]
  /** A problem at a place of the document, or at the nearest one above it that is there. */
  readonly problemAt: (place: Place, message: string, remedy: string) => SourceProblem
}

const textLengthMax = 4 * 1_048_576
const policyFilesMax = 1_000
const proofLengthMax = 16_384
const aliasesMax = 100
/** One text, one reading: no key twice, none that is no text, nothing merged in. */
export const strictYaml = {
  version: '1.2',
  schema: 'core',
  uniqueKeys: true,
  stringKeys: true,
  merge: false,
  prettyErrors: false,
} as const
/** References that Remit itself looks up when it needs them: they go over as they stand, and never look like a value. */
const atServer = /^(?:vault|server-env|server-file):/

/** Reads it all. What is wrong is in `problems`, each with file, line and column; a value of a secret is in none of them. */
export async function readConfiguration(source: ConfigurationSource): Promise<Configuration> {
  const text = await readOr(source, source.path)
  if (typeof text !== 'string') return { ...unread(source.path), problems: [{ file: source.path, line: 1, column: 1, ...text }] }
  const lines = new LineCounter()
  const yaml = parseDocument(text, { ...strictYaml, lineCounter: lines })
  const reading = new Reading(source, yaml, lines)
  await reading.run()
  return reading.result()
}

function unread(path: string): Pick<Configuration, 'document' | 'problemAt'> {
  return { document: {}, problemAt: (_place, message, remedy) => ({ file: path, line: 1, column: 1, message, remedy }) }
}

class Reading {
  readonly #source: ConfigurationSource
  readonly #yaml: Document.Parsed
  readonly #lines: LineCounter
  readonly #problems: SourceProblem[] = []
  readonly #applications: ApplicationFiles
  #document: WireObject = {}

  constructor(source: ConfigurationSource, yaml: Document.Parsed, lines: LineCounter) {
    this.#source = source
    this.#yaml = yaml
    this.#lines = lines
    this.#applications = new ApplicationFiles({
      text: (path, place) => this.#textBeside(path, place),
      policies: (folder, place) => this.#policyFiles(folder, place),
      path: (path) => this.#beside(path),
    })
  }

  async run(): Promise<void> {
    for (const { message, pos, code } of [...this.#yaml.errors, ...this.#yaml.warnings])
      this.#add(this.#at(pos[0], yamlMessage(code, message), 'write it as YAML 1.2'))
    if (this.#problems.length > 0) return
    const document = this.#plain()
    if (!isObject(document)) {
      if (this.#problems.length === 0)
        this.#add(this.problemAt([], 'this is not a configuration: it has no fields', 'begin with version: 1'))
      return
    }
    const services = await this.#services(document['services'])
    const policyFiles = await this.#policyFiles(document['policies'], ['policies'])
    const applications = await this.#applications.read(document['applications'])
    this.#document = {
      ...document,
      ...(services === undefined ? {} : { services }),
      ...(policyFiles === undefined ? {} : { policyFiles }),
      ...(applications === undefined ? {} : { applications }),
    }
  }

  result(): Configuration {
    return { document: this.#document, problems: this.#problems, problemAt: (...given) => this.problemAt(...given) }
  }

  problemAt(place: Place, message: string, remedy: string): SourceProblem {
    const elsewhere = this.#applications.find(place)
    if (elsewhere !== undefined) return { ...elsewhere, message, remedy }
    for (let length = place.length; length >= 0; length -= 1) {
      const node = length === 0 ? this.#yaml.contents : this.#node(place.slice(0, length))
      if (node?.range) return this.#at(node.range[0], message, remedy)
    }
    return this.#at(0, message, remedy)
  }

  /** A field by its name, which is what a person looks for; an item of a list by itself. */
  #node(place: Place): Node | undefined {
    const last = place.at(-1)
    const parent = place.length === 1 ? this.#yaml.contents : this.#yaml.getIn(place.slice(0, -1), true)
    const field = isMap(parent) ? parent.items.find(({ key }) => isScalar(key) && String(key.value) === String(last)) : undefined
    const node: unknown = field?.key ?? this.#yaml.getIn(place, true)
    return isNode(node) ? node : undefined
  }

  #at(offset: number, message: string, remedy: string): SourceProblem {
    const { line, col } = this.#lines.linePos(offset)
    return { file: this.#source.path, line: Math.max(1, line), column: Math.max(1, col), message, remedy }
  }

  #add(problem: SourceProblem): void {
    this.#problems.push(problem)
  }

  /** The document as JSON values; what JSON cannot hold is a problem. */
  #plain(): WireValue | undefined {
    try {
      return this.#wire(this.#yaml.toJS({ maxAliasCount: aliasesMax }), [])
    } catch (thrown) {
      this.#add(this.problemAt([], thrown instanceof Error ? thrown.message : 'aliases go round in circles', 'write it without aliases'))
      return undefined
    }
  }

  #wire(value: unknown, place: Place): WireValue | undefined {
    if (value === null || typeof value === 'string' || typeof value === 'boolean') return value
    if (typeof value === 'number' && Number.isFinite(value)) return value
    if (Array.isArray(value)) return value.map((each: unknown, index) => this.#wire(each, [...place, index]) ?? null)
    if (typeof value === 'object' && value !== undefined) {
      return Object.fromEntries(
        Object.entries(value).map(([name, each]: [string, unknown]) => [name, this.#wire(each, [...place, name]) ?? null]),
      )
    }
    this.#add(this.problemAt(place, 'this value cannot be written as JSON', 'use text, whole numbers, true or false'))
    return undefined
  }

  async #services(value: WireValue | undefined): Promise<WireValue | undefined> {
    if (!isArray(value)) return value
    const services: WireValue[] = []
    for (const [index, service] of value.entries()) {
      services.push(isObject(service) ? await this.#service(service, ['services', index]) : service)
    }
    return services
  }

  async #service(service: WireObject, place: Place): Promise<WireObject> {
    const credential = isObject(service['credential']) ? await this.#credential(service['credential'], [...place, 'credential']) : undefined
    const openapi = typeof service['openapi'] === 'string' ? await this.#openapi(service['openapi'], [...place, 'openapi']) : undefined
    return { ...service, ...(credential === undefined ? {} : { credential }), ...(openapi === undefined ? {} : { openapi }) }
  }

  async #credential(credential: WireObject, place: Place): Promise<WireObject> {
    const resolved: Record<string, WireValue> = { ...credential }
    for (const name of ['bearer', 'basic', 'value']) {
      const reference = credential[name]
      if (reference === undefined) continue
      if (typeof reference === 'string' && atServer.test(reference)) {
        resolved[name] = { reference }
        continue
      }
      const proof = await this.#proof(reference, [...place, name])
      if (proof !== undefined && this.#source.resolve) resolved[name] = proof
    }
    return resolved
  }

  /** What a reference names. What was written is in no message: it may be the secret itself. */
  async #proof(reference: WireValue, place: Place): Promise<string | undefined> {
    const [, kind, name = ''] = (typeof reference === 'string' ? /^(env|file):(.+)$/s.exec(reference) : undefined) ?? []
    if (kind === undefined) {
      this.#add(
        this.problemAt(
          place,
          'a secret does not stand in this file',
          'write env:NAME or file:PATH, which are read here when it is applied, or vault:MOUNT/PATH#FIELD',
        ),
      )
      return undefined
    }
    if (!this.#source.resolve) return undefined
    const found = kind === 'env' ? this.#fromEnvironment(name) : await readOr(this.#source, this.#beside(name))
    if (typeof found !== 'string') {
      this.#add(this.problemAt(place, found.message, found.remedy))
      return undefined
    }
    const proof = found.replace(/\r?\n$/, '')
    if (proof === '' || proof.length > proofLengthMax || /[\u0000-\u001f\u007f]/.test(proof)) {
      this.#add(this.problemAt(place, `what ${kind}:${name} names is empty, too long or not one line`, 'it must be the bare value'))
      return undefined
    }
    return proof
  }

  #fromEnvironment(name: string): string | Fault {
    const value = this.#source.env[name] ?? ''
    return value === ''
      ? { message: `the environment variable ${name} is not set`, remedy: 'set it for this command; it is read here and nowhere else' }
      : value
  }

  async #openapi(path: string, place: Place): Promise<WireValue | undefined> {
    const text = await this.#textBeside(path, place)
    if (text === undefined) return undefined
    // YAML 1.2 reads JSON too.
    const yaml = parseDocument(text, { version: '1.2', schema: 'core', uniqueKeys: true, stringKeys: true, prettyErrors: false })
    const [flaw] = yaml.errors
    if (flaw !== undefined) {
      this.#add(this.problemAt(place, `${path} is neither JSON nor YAML: ${flaw.message}`, 'it must hold one OpenAPI document'))
      return undefined
    }
    if (!isCollection(yaml.contents)) {
      this.#add(this.problemAt(place, `${path} holds no document`, 'it must hold one OpenAPI document'))
      return undefined
    }
    return this.#wire(yaml.toJS({ maxAliasCount: aliasesMax }), place)
  }

  async #textBeside(path: string, place: Place): Promise<string | undefined> {
    const text = await readOr(this.#source, this.#beside(path))
    if (typeof text === 'string') return text
    this.#add(this.problemAt(place, text.message, text.remedy))
    return undefined
  }

  /** Nothing where the file says nothing of policies: those in force then stay. */
  async #policyFiles(folder: WireValue | undefined, place: Place): Promise<readonly WireObject[] | undefined> {
    if (typeof folder !== 'string') return undefined
    const found = await this.#source.files.names(this.#beside(folder)).catch((thrown: unknown) => faultOf(this.#beside(folder), thrown))
    if ('message' in found) {
      this.#add(this.problemAt(place, found.message, found.remedy))
      return undefined
    }
    const names = found.filter((name) => name.endsWith('.cedar')).toSorted()
    if (names.length > policyFilesMax) {
      this.#add(this.problemAt(place, `there are ${names.length} policy files`, `at most ${policyFilesMax} are taken`))
      return undefined
    }
    const files: WireObject[] = []
    for (const name of names) {
      const path = join(folder, name)
      const text = await readOr(this.#source, this.#beside(path))
      if (typeof text === 'string') files.push({ name: path, text })
      else this.#add({ file: this.#beside(path), line: 1, column: 1, ...text })
    }
    return files
  }

  #beside(path: string): string {
    return path.startsWith('/') ? path : join(dirname(this.#source.path), path)
  }
}

interface Fault {
  readonly message: string
  readonly remedy: string
}

async function readOr(source: ConfigurationSource, path: string): Promise<string | Fault> {
  try {
    const text = await source.files.text(path)
    return text.length > textLengthMax ? { message: `${path} is larger than ${textLengthMax / 1_048_576} MiB`, remedy: 'split it' } : text
  } catch (thrown) {
    return faultOf(path, thrown)
  }
}

function faultOf(path: string, thrown: unknown): Fault {
  const code = typeof thrown === 'object' && thrown !== null && 'code' in thrown ? thrown.code : undefined
  if (code === 'ENOENT') return { message: `there is no ${path}`, remedy: 'check the path; it is relative to the file that names it' }
  if (code === 'EACCES') return { message: `${path} may not be read by you`, remedy: 'check who owns it' }
  return { message: `${path} cannot be read${thrown instanceof Error ? `: ${thrown.message}` : ''}`, remedy: 'check the path' }
}

function yamlMessage(code: string, message: string): string {
  return code === 'DUPLICATE_KEY' ? 'this field stands twice' : message
}

function isObject(value: WireValue | undefined): value is WireObject {
  return typeof value === 'object' && value !== null && !isArray(value)
}

function isArray(value: WireValue | undefined): value is readonly WireValue[] {
  return Array.isArray(value)
}
