/** MCP's reference servers asking the clients that call them, through the gateway: a model, a person, and what folders there are. */
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { after, before, describe, it, type TestContext } from 'node:test'
import { clients, type CommandHouse, type Offers, openCommandHouse, said } from './command-house.ts'

let opened: CommandHouse
const endings: (() => unknown)[] = []

before(async () => {
  opened = await openCommandHouse(
    { after: (end) => void endings.push(end as () => unknown) },
    { everything: { asks: ['sampling', 'elicitation', 'roots'] }, memory: { asks: ['sampling'] } },
  )
})
after(async () => {
  for (const end of endings.toReversed()) await end()
})

const asking = [
  'everything/trigger-sampling-request',
  'everything/trigger-elicitation-request',
  'everything/get-roots-list',
  'everything/echo',
]

for (const [era, connect] of Object.entries(clients))
  describe(`with official clients of ${era}`, () => {
    const open = async (test: TestContext, offers: Offers, service = 'everything', scope: readonly string[] = asking) => {
      const { token } = await opened.house.grantFor('errand', scope)
      return connect(test, opened.house.urlOf(service), token, offers)
    }

    it('each is asked in the middle of its own call, and only what it offers', async (test) => {
      const heard: string[] = []
      const offersOf = (name: string): Offers => ({
        model: (prompt) => {
          heard.push(`${name} model ${prompt}`)
          return `said by ${name}`
        },
        person: (message) => {
          heard.push(`${name} person ${message}`)
          return { name, check: true }
        },
        roots: [{ uri: `file:///home/${name}`, name }],
      })
      const [ana, ben, plain] = [await open(test, offersOf('ana')), await open(test, offersOf('ben')), await open(test, {})]
      const toolsOf = async (client: typeof ana) => (await client.listTools()).tools.map(({ name }) => name).toSorted()
      assert.deepEqual(await toolsOf(ana), ['echo', 'get-roots-list', 'trigger-elicitation-request', 'trigger-sampling-request'])
      // The server has no tools for asking a client that cannot be asked.
      assert.deepEqual(await toolsOf(plain), ['echo'])
      const sample = (client: typeof ana, prompt: string) =>
        client.callTool({ name: 'trigger-sampling-request', arguments: { prompt, maxTokens: 10 } })
      const both = await Promise.all([sample(ana, 'one'), sample(ben, 'two')])
      assert.match(said(both[0]), /said by ana/)
      assert.match(said(both[1]), /said by ben/)
      assert.match(said(await ana.callTool({ name: 'trigger-elicitation-request', arguments: {} })), /Name: ana/)
      assert.match(said(await ben.callTool({ name: 'get-roots-list', arguments: {} })), /file:\/\/\/home\/ben/)
      assert.deepEqual(heard.map((each) => each.split(' ').slice(0, 2).join(' ')).toSorted(), ['ana model', 'ana person', 'ben model'])
    })

    it('one that has no grant is asked nothing, and its answers go nowhere', async (test) => {
      const asked: string[] = []
      const token = await opened.house.tokenOf('other')
      const client = await connect(test, opened.house.urlOf('everything'), token, { model: (prompt) => (asked.push(prompt), 'yes') })
      assert.match(said(await client.callTool({ name: 'trigger-sampling-request', arguments: { prompt: 'x', maxTokens: 1 } })), /^grant\./)
      assert.deepEqual(asked, [])
    })

    it('a folder that a client names opens nothing on the gateway’s machine, where the service does not say that it may be asked', async (test) => {
      const outside = join(dirname(opened.folder), 'secret.txt')
      writeFileSync(outside, 'not served')
      const offers = { roots: [{ uri: `file://${dirname(opened.folder)}`, name: 'all of it' }] }
      const client = await open(test, offers, 'files', ['read:files'])
      assert.match(said(await client.callTool({ name: 'read_text_file', arguments: { path: outside } })), /denied|outside/i)
      assert.doesNotMatch(said(await client.callTool({ name: 'list_allowed_directories', arguments: {} })), /\/\n|secret/)
    })
  })
