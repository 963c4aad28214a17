import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Configuration, readConfiguration } from './configuration-file.ts'
import { placeProblem } from './place-problem.ts'

interface World {
  readonly files?: Readonly<Record<string, string>>
  readonly env?: Readonly<Record<string, string>>
  readonly resolve?: boolean
}

function missing(path: string): Error {
  return Object.assign(new Error(`ENOENT: ${path}`), { code: 'ENOENT' })
}

function read(yaml: string, { files = {}, env = {}, resolve = true }: World = {}): Promise<Configuration> {
  const all: Readonly<Record<string, string>> = { 'conf/remit.yaml': yaml, ...files }
  return readConfiguration({
    path: 'conf/remit.yaml',
    env,
    resolve,
    files: {
      text: async (path) => {
        const text = all[path]
        if (text === undefined) throw missing(path)
        return text
      },
      names: async (folder) => {
        const names = Object.keys(all).filter((path) => path.startsWith(`${folder}/`))
        if (names.length === 0) throw missing(folder)
        return names.map((path) => path.slice(folder.length + 1))
      },
    },
  })
}

const service = (credential: string) => `version: 1\nservices:\n  - name: shop\n    credential:\n      ${credential}\n`

test('references are replaced, policies and OpenAPI documents come along', async () => {
  const yaml = `version: 1
policies: ./rules
services:
  - name: shop
    credential: { bearer: env:SHOP }
    openapi: ./shop.yaml
  - name: ops
    credential: { header: x-key, value: file:keys/ops }
`
  const { document, problems } = await read(yaml, {
    env: { SHOP: 'sesame' },
    files: {
      'conf/shop.yaml': 'openapi: 3.1.0\n',
      'conf/keys/ops': 'key\n',
      'conf/rules/b.cedar': 'B',
      'conf/rules/in/a.cedar': 'A',
      'conf/rules/README.md': 'no',
    },
  })
  assert.deepEqual(problems, [])
  assert.deepEqual(document, {
    version: 1,
    policies: './rules',
    services: [
      { name: 'shop', credential: { bearer: 'sesame' }, openapi: { openapi: '3.1.0' } },
      { name: 'ops', credential: { header: 'x-key', value: 'key' } },
    ],
    policyFiles: [
      { name: 'rules/b.cedar', text: 'B' },
      { name: 'rules/in/a.cedar', text: 'A' },
    ],
  })
})

const application = `version: 1
applications:
  - name: shop
    schema: ./shop/schema.cedarschema
    policies: ./shop/policies
    entities: ./shop/entities.json
    callers: role:shops
`
const applicationFiles = {
  'conf/shop/schema.cedarschema': 'entity User;',
  'conf/shop/policies/a.cedar': 'A',
  'conf/shop/entities.json': '[\n  { "uid": 1 },\n  { "uid": 2,\n    "attrs": { "level": 9007199254740993 } }\n]',
}

test('an application comes with the texts of its files, so that no integer in them is rounded', async () => {
  const { document, problems } = await read(application, { files: applicationFiles })
  assert.deepEqual(problems, [])
  assert.deepEqual(document['applications'], [
    {
      name: 'shop',
      schema: { name: './shop/schema.cedarschema', text: applicationFiles['conf/shop/schema.cedarschema'] },
      policies: './shop/policies',
      entities: { name: './shop/entities.json', text: applicationFiles['conf/shop/entities.json'] },
      callers: 'role:shops',
      policyFiles: [{ name: 'shop/policies/a.cedar', text: 'A' }],
    },
  ])
})

test('what a refusal points to inside such a file is found in it', async () => {
  const configuration = await read(application, { files: applicationFiles })
  const at = (pointer: string) => {
    const { file, line, column } = placeProblem(configuration, { file: '', line: 0, column: 0, pointer, message: 'm', remedy: 'r' })
    return `${file}:${line}:${column}`
  }
  assert.equal(at('/applications/0/entities/1/attrs/level'), 'conf/shop/entities.json:4:25')
  assert.equal(at('/applications/0/entities/1/attrs/rank'), 'conf/shop/entities.json:4:14')
  assert.equal(at('/applications/0/entities'), 'conf/shop/entities.json:1:1')
  assert.equal(at('/applications/0/callers'), 'conf/remit.yaml:7:5')
})

test('an application whose file is not there is told at the line that names it', async () => {
  const { 'conf/shop/entities.json': _, ...files } = applicationFiles
  const { problems } = await read(application, { files })
  assert.deepEqual(
    problems.map(({ file, line, message }) => `${file}:${line}: ${message}`),
    ['conf/remit.yaml:6: there is no conf/shop/entities.json'],
  )
})

test('a file that says nothing of policies leaves those in force', async () => {
  assert.equal('policyFiles' in (await read('version: 1\n')).document, false)
})

test('without resolving, references stay and nothing they name is read', async () => {
  const { document, problems } = await read(service('bearer: env:NOT_SET'), { resolve: false })
  assert.deepEqual(problems, [])
  assert.deepEqual(document['services'], [{ name: 'shop', credential: { bearer: 'env:NOT_SET' } }])
})

test('what Remit itself is to look up goes over as a reference, whether others are read or not', async () => {
  for (const resolve of [true, false]) {
    const { document, problems } = await read(service('bearer: vault:secret/shop#token'), { resolve })
    assert.deepEqual(problems, [])
    assert.deepEqual(document['services'], [{ name: 'shop', credential: { bearer: { reference: 'vault:secret/shop#token' } } }])
  }
})

test('a value that looks like a reference stays a value', async () => {
  const { document } = await read(service('bearer: env:TOKEN'), { env: { TOKEN: 'vault:secret/shop#token' } })
  assert.deepEqual(document['services'], [{ name: 'shop', credential: { bearer: 'vault:secret/shop#token' } }])
})

const faults: readonly {
  readonly says: string
  readonly yaml: string
  readonly world?: World
  readonly at: string
  readonly message: RegExp
}[] = [
  { says: 'a field that stands twice', yaml: 'version: 1\npeople: []\npeople: []\n', at: '3:1', message: /this field stands twice/ },
  { says: 'a broken line', yaml: 'version: 1\nservices: [\n', at: '3:1', message: /flow/i },
  { says: 'two documents', yaml: 'version: 1\n---\nversion: 1\n', at: '2:1', message: /documents/ },
  { says: 'an unknown tag', yaml: 'version: 1\nspace: !secret x\n', at: '2:8', message: /tag/ },
  { says: 'a number that JSON lacks', yaml: 'version: 1\nservices:\n  - port: .inf\n', at: '3:5', message: /cannot be written as JSON/ },
  { says: 'nothing at all', yaml: '', at: '1:1', message: /not a configuration/ },
  { says: 'a list', yaml: '- 1\n', at: '1:1', message: /not a configuration/ },
  {
    says: 'aliases that explode',
    yaml: `version: 1\na: &a [x,x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c]\n`,
    at: '1:1',
    message: /alias/i,
  },
  { says: 'a folder of policies that is not there', yaml: 'version: 1\npolicies: rules\n', at: '2:1', message: /there is no conf\/rules/ },
  {
    says: 'an OpenAPI document that is not there',
    yaml: 'version: 1\nservices:\n  - openapi: a.yaml\n',
    at: '3:5',
    message: /there is no conf\/a\.yaml/,
  },
  {
    says: 'an OpenAPI document that is text',
    yaml: 'version: 1\nservices:\n  - openapi: a.yaml\n',
    world: { files: { 'conf/a.yaml': 'hello' } },
    at: '3:5',
    message: /holds no document/,
  },
  { says: 'a variable that is not set', yaml: service('bearer: env:SHOP'), at: '5:7', message: /the environment variable SHOP is not set/ },
  {
    says: 'a variable that is empty',
    yaml: service('bearer: env:SHOP'),
    world: { env: { SHOP: '' } },
    at: '5:7',
    message: /SHOP is not set/,
  },
  { says: 'a file that is not there', yaml: service('basic: file:key'), at: '5:7', message: /there is no conf\/key/ },
]

for (const { says, yaml, world, at, message } of faults) {
  test(`${says} is told with its place`, async () => {
    const [problem] = (await read(yaml, world)).problems
    assert.ok(problem)
    assert.equal(`${problem.file}:${problem.line}:${problem.column}`, `conf/remit.yaml:${at}`)
    assert.match(problem.message, message)
    assert.notEqual(problem.remedy, '')
  })
}

for (const { says, yaml, world } of [
  { says: 'in place of a reference', yaml: service('bearer: sesame-open') },
  { says: 'with a line break in the variable', yaml: service('bearer: env:SHOP'), world: { env: { SHOP: 'sesame-open\nagain' } } },
  { says: 'in a file of two lines', yaml: service('value: file:key'), world: { files: { 'conf/key': 'sesame-open\nagain\n' } } },
]) {
  test(`a secret ${says} is refused and not repeated`, async () => {
    const { problems, document } = await read(yaml, world)
    assert.equal(problems.length, 1)
    assert.equal(problems[0]?.line, 5)
    assert.doesNotMatch(JSON.stringify(problems), /sesame/)
    assert.equal(JSON.stringify(document['policyFiles'] ?? []), '[]')
  })
}

const nested = `version: 1
services:
  - name: shop
    routes:
      - name: list
        methd: GET
roles:
  sre: [alice]
`

for (const { pointer, at } of [
  { pointer: '/services/0/routes/0/methd', at: '6:9' },
  { pointer: '/services/0/routes/0', at: '5:9' },
  { pointer: '/services/0/routes/0/path', at: '5:9' },
  { pointer: '/services/0/upstream', at: '3:5' },
  { pointer: '/roles/sre/0', at: '8:9' },
  { pointer: '/space', at: '1:1' },
  { pointer: '', at: '1:1' },
]) {
  test(`a problem at "${pointer}" is put at ${at}`, async () => {
    const placed = placeProblem(await read(nested), { pointer, file: 'remit.yaml', line: 0, column: 0, message: 'm', remedy: 'r' })
    assert.deepEqual(placed, {
      file: 'conf/remit.yaml',
      line: Number(at.split(':')[0]),
      column: Number(at.split(':')[1]),
      message: 'm',
      remedy: 'r',
    })
  })
}

test('a problem of a policy file stays where it is', async () => {
  const problem = { file: 'rules/a.cedar', line: 3, column: 2, message: 'm', remedy: 'r' }
  assert.deepEqual(placeProblem(await read(nested), problem), problem)
})
