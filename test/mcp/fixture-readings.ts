/** The resources, prompts and completions that MCP's own conformance suite wants of a server. */
import { completable, fromJsonSchema, type McpServer, ResourceTemplate } from '@modelcontextprotocol/server'
import { z } from 'zod'
import { pixel } from './fixture-tools.ts'

export function addResources(server: McpServer): void {
  const plain = { mimeType: 'text/plain' }
  const texts = [
    ['static-text', 'This is the content of the static text resource.'],
    ['watched-resource', 'Watched resource content'],
    ['example-resource', 'An example.'],
  ]
  for (const [name = '', said = ''] of texts)
    server.registerResource(name, `test://${name}`, plain, (uri) => ({ contents: [{ uri: uri.href, ...plain, text: said }] }))
  const png = { mimeType: 'image/png' }
  server.registerResource('static-binary', 'test://static-binary', png, (uri) => ({ contents: [{ uri: uri.href, ...png, blob: pixel }] }))
  const template = new ResourceTemplate('test://template/{id}/data', { list: undefined })
  server.registerResource('template', template, { mimeType: 'application/json' }, (uri, { id }) => ({
    contents: [
      {
        uri: uri.href,
        mimeType: 'application/json',
        text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${String(id)}` }),
      },
    ],
  }))
}

export function addPrompts(server: McpServer): void {
  server.registerPrompt('test_simple_prompt', { description: 'A prompt without arguments.' }, () => ({
    messages: [{ role: 'user', content: { type: 'text', text: 'This is a simple prompt for testing.' } }],
  }))
  const words = ['paris', 'park', 'party', 'test']
  const two = z.object({
    arg1: completable(z.string().describe('First test argument'), (begun) => words.filter((word) => word.startsWith(begun))),
    arg2: z.string().describe('Second test argument'),
  })
  server.registerPrompt('test_prompt_with_arguments', { description: 'A prompt with two.', argsSchema: two }, ({ arg1, arg2 }) => ({
    messages: [{ role: 'user', content: { type: 'text', text: `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'` } }],
  }))
  const one = fromJsonSchema<{ resourceUri: string }>({
    type: 'object',
    properties: { resourceUri: { type: 'string', description: 'URI of the resource to embed' } },
    required: ['resourceUri'],
  })
  server.registerPrompt(
    'test_prompt_with_embedded_resource',
    { description: 'Embeds a resource.', argsSchema: one },
    ({ resourceUri }) => ({
      messages: [
        {
          role: 'user',
          content: {
            type: 'resource',
            resource: { uri: resourceUri, mimeType: 'text/plain', text: 'Embedded resource content for testing.' },
          },
        },
        { role: 'user', content: { type: 'text', text: 'Please process the embedded resource above.' } },
      ],
    }),
  )
  server.registerPrompt('test_prompt_with_image', { description: 'Embeds an image.' }, () => ({
    messages: [
      { role: 'user', content: { type: 'image', data: pixel, mimeType: 'image/png' } },
      { role: 'user', content: { type: 'text', text: 'Please analyze the image above.' } },
    ],
  }))
}
