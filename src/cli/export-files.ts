/** An exported configuration as files: remit.yaml with its comments, and the policies beside it. */
import { basename } from 'node:path'
import { Document, isMap, isScalar, isSeq } from 'yaml'
import type { ExportView, WireObject, WireValue } from '../sdk/views.ts'

export interface ExportedFile {
  /** Relative to the folder that is written to, and never out of it. */
  readonly name: string
  readonly text: string
}

const folder = 'policies'

export function exportedFiles({ document, policyFiles, secrets }: ExportView): readonly ExportedFile[] {
  const policies = policyFiles.map(({ name, text }) => ({ name: pathOf(name), text }))
  const twice = policies.find(({ name }, at) => policies.findIndex((other) => other.name === name) !== at)
  if (twice !== undefined) throw new Error(`two policy files would be written to ${twice.name}`)
  const { applications, files } = applicationFiles(document)
  const whole: WireObject = {
    ...document,
    ...(policies.length === 0 ? {} : { policies: folder }),
    ...references(document),
    ...applications,
  }
  return [{ name: 'remit.yaml', text: yamlOf(whole, secrets) }, ...policies, ...files]
}

/** Policies stand in one folder, under their last names: what lay in a folder below it would not be read again. */
function pathOf(name: string): string {
  return `${folder}/${basename(name)}`
}

/** Each application's files in a folder of its own, and the document with their names in it. */
function applicationFiles({ applications }: WireObject): { readonly applications: WireObject; readonly files: readonly ExportedFile[] } {
  if (!Array.isArray(applications)) return { applications: {}, files: [] }
  const files: ExportedFile[] = []
  const written = applications.map((application: WireValue): WireValue => {
    if (!isObject(application)) return application
    const own = `applications/${basename(textIn(application, 'name'))}`
    const { policyFiles, ...rest } = application
    const kept = Object.entries(rest).map(([name, value]): [string, WireValue] => {
      if (!isObject(value)) return [name, value]
      const path = `${own}/${basename(textIn(value, 'name'))}`
      files.push({ name: path, text: textIn(value, 'text') })
      return [name, path]
    })
    const policies = Array.isArray(policyFiles) ? policyFiles.filter(isObject) : []
    for (const each of policies) files.push({ name: `${own}/policies/${basename(textIn(each, 'name'))}`, text: textIn(each, 'text') })
    return { ...Object.fromEntries(kept), ...(policies.length === 0 ? {} : { policies: `${own}/policies` }) }
  })
  return { applications: { applications: written }, files }
}

function textIn(object: WireObject, name: string): string {
  const value = object[name]
  return typeof value === 'string' ? value : ''
}

/** References are objects over the wire and plain text in the file. */
function references({ services }: WireObject): WireObject {
  if (!Array.isArray(services)) return {}
  return { services: services.map((service: WireValue) => (isObject(service) ? withReference(service) : service)) }
}

function withReference(service: WireObject): WireObject {
  const { credential } = service
  if (!isObject(credential)) return service
  const entries = Object.entries(credential).map(([name, value]): [string, WireValue] => [
    name,
    isObject(value) && typeof value['reference'] === 'string' ? value['reference'] : value,
  ])
  return { ...service, credential: Object.fromEntries(entries) }
}

function isObject(value: WireValue | undefined): value is WireObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function yamlOf(document: WireObject, secrets: readonly string[]): string {
  const yaml = new Document(document, { version: '1.2', schema: 'core', aliasDuplicateObjects: false })
  yaml.commentBefore = ' Written by remit export. Applied where it came from, it changes nothing.'
  const services: unknown = yaml.get('services')
  if (isSeq(services)) {
    for (const service of services.items) {
      if (!isMap(service) || !secrets.includes(String(service.get('name')))) continue
      const credential: unknown = service.get('credential', true)
      if (isScalar(credential))
        credential.comment =
          ' the secret stays where it is; to replace it, write header and bearer, basic or value, with env:NAME or file:PATH'
    }
  }
  return yaml.toString({ lineWidth: 0 })
}
