/** MCP's reference servers as children of the gateway, with official clients of both eras. */
import assert from 'node:assert/strict'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, describe, it } from 'node:test'
import { clients, type CommandHouse, openCommandHouse, said } from './command-house.ts'

let opened: CommandHouse
const endings: (() => unknown)[] = []

before(async () => {
  process.env['REMIT_TEST_SECRET'] = 'not for children'
  opened = await openCommandHouse({ after: (end) => void endings.push(end as () => unknown) })
})
after(async () => {
  for (const end of endings.toReversed()) await end()
})

for (const [era, connect] of Object.entries(clients))
  describe(`for an official client of ${era}`, () => {
    const open = async (test: { after: (end: () => unknown) => void }, service: string, scope: readonly string[]) => {
      const { token } = await opened.house.grantFor('errand', scope)
      return connect(test, opened.house.urlOf(service), token)
    }

    it('server-everything: tools, under a grant that pins what they are called with', async (test) => {
      const client = await open(test, 'everything', [
        'everything/echo,message=hi',
        'everything/get-sum',
        'everything/get-tiny-image',
        'everything/get-env',
      ])
      const { tools } = await client.listTools()
      assert.deepEqual(tools.map(({ name }) => name).toSorted(), ['echo', 'get-env', 'get-sum', 'get-tiny-image'])
      assert.equal(said(await client.callTool({ name: 'echo', arguments: { message: 'hi' } })), 'Echo: hi')
      assert.match(said(await client.callTool({ name: 'echo', arguments: { message: 'ho' } })), /^grant\.arguments/)
      assert.match(said(await client.callTool({ name: 'get-sum', arguments: { a: 2, b: 40 } })), /42/)
      const { content } = await client.callTool({ name: 'get-tiny-image', arguments: {} })
      assert.equal(
        (content as { type: string }[]).some(({ type }) => type === 'image'),
        true,
      )
      const environment = said(await client.callTool({ name: 'get-env', arguments: {} }))
      assert.match(environment, /"PATH"/)
      assert.doesNotMatch(environment, /REMIT_TEST_SECRET|MEMORY_FILE_PATH/)
      assert.match(said(await client.callTool({ name: 'get-structured-content', arguments: { location: 'Chicago' } })), /^grant\./)
      await client.ping()
    })

    it('server-everything: resources and prompts', async (test) => {
      const client = await open(test, 'everything', ['everything/texts', 'everything/args-prompt,city=Bern'])
      const { resourceTemplates } = await client.listResourceTemplates()
      assert.deepEqual(
        resourceTemplates.map(({ uriTemplate }) => uriTemplate),
        ['demo://resource/dynamic/text/{resourceId}'],
      )
      const { contents } = await client.readResource({ uri: 'demo://resource/dynamic/text/7' })
      assert.match(String((contents[0] as { text?: string } | undefined)?.text), /Resource 7/)
      await assert.rejects(client.readResource({ uri: 'demo://resource/dynamic/blob/7' }), /grant/)
      assert.deepEqual(
        (await client.listPrompts()).prompts.map(({ name }) => name),
        ['args-prompt'],
      )
      const { messages } = await client.getPrompt({ name: 'args-prompt', arguments: { city: 'Bern' } })
      assert.match(JSON.stringify(messages), /Bern/)
      await assert.rejects(client.getPrompt({ name: 'simple-prompt' }), /grant/)
    })

    it('server-everything: progress of a long operation, and a client that gives it up', async (test) => {
      const client = await open(test, 'everything', ['execute:everything'])
      const steps: number[] = []
      const operation = { name: 'trigger-long-running-operation', arguments: { duration: 1, steps: 4 } }
      const onprogress = ({ progress }: { progress: number }) => void steps.push(progress)
      // The earlier client takes a schema before its options.
      const options = era === 'earlier' ? [undefined, { onprogress }] : [{ onprogress }]
      const call = client.callTool as unknown as (...given: unknown[]) => Promise<unknown>
      assert.match(said(await call.call(client, operation, ...options)), /completed/)
      assert.deepEqual(steps, [1, 2, 3, 4])
      const giving = new AbortController()
      const stop = { signal: giving.signal, onprogress: () => giving.abort() }
      const long = { ...operation, arguments: { duration: 600, steps: 1_200 } }
      await assert.rejects(call.call(client, long, ...(era === 'earlier' ? [undefined, stop] : [stop])))
      assert.match(said(await client.callTool({ name: 'toggle-simulated-logging', arguments: {} })), /logging/)
    })

    it('server-filesystem: what its folder and the grant both allow', async (test) => {
      const { folder } = opened
      const note = join(folder, 'note.txt')
      const mine = join(folder, `${era}.txt`)
      const scope = [
        'files/read_text_file',
        'files/list_directory',
        `files/write_file,path=${mine}`,
        'files/edit_file',
        'files/read_multiple_files',
      ]
      const client = await open(test, 'files', scope)
      assert.equal(said(await client.callTool({ name: 'read_text_file', arguments: { path: note, head: 1 } })), 'first line')
      assert.match(
        said(await client.callTool({ name: 'read_text_file', arguments: { path: join(folder, '../secret.txt') } })),
        /denied|outside/i,
      )
      assert.match(said(await client.callTool({ name: 'list_directory', arguments: { path: folder } })), /\[FILE\] note\.txt/)
      await client.callTool({ name: 'write_file', arguments: { path: mine, content: 'a\nb\n' } })
      assert.equal(readFileSync(mine, 'utf8'), 'a\nb\n')
      const other = join(folder, `${era}-other.txt`)
      assert.match(said(await client.callTool({ name: 'write_file', arguments: { path: other, content: 'x' } })), /^grant\.arguments/)
      assert.equal(existsSync(other), false)
      await client.callTool({ name: 'edit_file', arguments: { path: mine, edits: [{ oldText: 'a', newText: 'c' }], dryRun: false } })
      assert.equal(readFileSync(mine, 'utf8'), 'c\nb\n')
      assert.match(
        said(await client.callTool({ name: 'read_multiple_files', arguments: { paths: [note, mine] } })),
        /second line[\s\S]*c\nb/,
      )
    })

    it('server-filesystem: a file of 6 MB, whole', async (test) => {
      const { folder } = opened
      const client = await open(test, 'files', ['write:files', 'read:files'])
      const path = join(folder, `${era}-large.txt`)
      writeFileSync(path, 'x'.repeat(6_000_000))
      const text = (await client.callTool({ name: 'read_text_file', arguments: { path } })).content as { text: string }[]
      assert.equal(text[0]?.text.length, 6_000_000)
    })

    it('server-memory: what one call wrote, another finds', async (test) => {
      const client = await open(test, 'memory', ['write:memory', 'read:memory'])
      const name = `Ada of ${era}`
      await client.callTool({
        name: 'create_entities',
        arguments: { entities: [{ name, entityType: 'person', observations: ['counts'] }] },
      })
      assert.match(said(await client.callTool({ name: 'search_nodes', arguments: { query: name } })), /counts/)
      assert.match(said(await client.callTool({ name: 'delete_entities', arguments: { entityNames: [name] } })), /^grant\./)
      assert.match(said(await client.callTool({ name: 'read_graph', arguments: {} })), new RegExp(name))
    })
  })
